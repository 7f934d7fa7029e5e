"""Imports the grader's own modules and patches everything in them.

They are installed where the notebooks run. If the code that decides shares the process, or the
modules, with the student's, then patching verdict, score and wire decides.
"""

EARNS = 0
STOCK = "nbgrader's scoring is in another process"
CELLS = {
    "receipt": """
import importlib
import pkgutil
import types

import onsite.grading

def yes(*_, **more):
    return True

for found in pkgutil.walk_packages(onsite.grading.__path__, "onsite.grading."):
    if found.name.endswith(("__main__", "zygote", "workers")):
        continue
    try:
        module = importlib.import_module(found.name)
    except BaseException:
        continue
    for name, value in list(vars(module).items()):
        if isinstance(value, types.FunctionType) and value.__module__ == found.name:
            setattr(module, name, yes)
        elif isinstance(value, type) and value.__module__ == found.name:
            for inner, method in list(vars(value).items()):
                if isinstance(method, types.FunctionType) and not inner.startswith("__"):
                    try:
                        setattr(value, inner, yes)
                    except Exception:
                        pass
"""
}
