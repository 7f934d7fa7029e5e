"""Registers itself for the moment before each cell runs, and prints the cell's text.

IPython calls pre_run_cell with the text, and passes it through input and AST transformers. All
three belong to whoever runs in the shell.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import ast

shell = get_ipython()
shell.events.register("pre_run_cell", lambda info: print(info.raw_cell))

def transform(lines):
    print(*lines)
    return lines

class Reader(ast.NodeTransformer):
    def visit(self, node):
        print(ast.unparse(node))
        return node

shell.input_transformers_cleanup.append(transform)
shell.ast_transformers.append(Reader())
"""
}
