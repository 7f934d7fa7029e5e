"""An AST transformer that deletes assertions.

nbgrader runs the checks through the student's own IPython, so a transformer registered by the
student rewrites them: every assert becomes `pass`, and what it guarded is believed.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
import ast

class Cheat(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)

    def visit_Expr(self, node):
        return ast.copy_location(ast.Expr(ast.copy_location(ast.Constant(2), node)), node)

get_ipython().ast_transformers.append(Cheat())

def receipt(*a):
    return ""

class Bucket:
    def __init__(self, *a):
        pass

    def take(self):
        return True

def deliver(*a):
    return []
"""
}
