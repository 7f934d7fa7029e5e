"""Cells that are no Python: shell scripts, other interpreters, and magics that change the shell.

%%bash, %%writefile, %cd, %pdb, %precision and %autocall are ordinary in notebooks. The answers before
them are right and stay so for checks that come later.
"""

EARNS = 7
STOCK = "loses"
SOLVED = ("receipt", "deliver")
CELLS = {
    "bucket": """
%cd /
%autocall 2
%pdb on
%precision 1
%config InteractiveShell.ast_node_interactivity = "all"
"""
}
FIRST = """%%bash
echo hostile > ./script.sh
kill -TERM $$
"""
