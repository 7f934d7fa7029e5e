"""Cells that are no Python: shell scripts, and magics that change the shell.

%%bash, %cd, %precision and %autocall are ordinary in notebooks. The answers before and after them
are right, and stay so for the checks that come later.
"""

EARNS = 7
REPORTED = False
STOCK = "it is nothing unusual for nbgrader"
SOLVED = ("receipt", "deliver")
CELLS = {
    "bucket": """
%cd /
%autocall 2
%precision 1
%config InteractiveShell.ast_node_interactivity = "all"
"""
}
FIRST = """%%bash
echo script > ./script.sh
kill -TERM $$
"""
