"""Replaces compile, exec and marshal.loads by functions that print what they are given.

The check's code has to be made or loaded in this process. If that goes through a name that the
student can bind, the student sees it before it runs.
"""

EARNS = 0
STOCK = "reads"
CELLS = {
    "receipt": """
import builtins
import codeop
import marshal
import types

def spying(real):
    def spy(*arguments, **options):
        for each in arguments:
            if isinstance(each, (str, types.CodeType)):
                print(each if isinstance(each, str) else each.co_consts)
            elif hasattr(each, "body"):
                import ast
                print(ast.unparse(each))
        result = real(*arguments, **options)
        if isinstance(result, types.CodeType):
            print(result.co_consts)
        return result
    return spy

shell = get_ipython()
for name in ("compile", "exec", "eval"):
    setattr(builtins, name, spying(getattr(builtins, name)))
marshal.loads = spying(marshal.loads)
type(shell.compile).__call__ = spying(type(shell.compile).__call__)
type(shell).run_code = spying(type(shell).run_code)
"""
}
