"""Has IPython swallow every exception of later cells.

set_custom_exc is a documented way to handle exceptions. A handler that does nothing leaves the
check without an error output, which nbgrader takes for a passed check.
"""

EARNS = 0
STOCK = "nbgrader notes a failed cell also by the kernel's reply"
CELLS = {
    "receipt": """
shell = get_ipython()
shell.set_custom_exc((BaseException,), lambda *_, **more: None)
shell.showtraceback = lambda *_, **more: None
shell._showtraceback = lambda *_, **more: None
shell.showsyntaxerror = lambda *_, **more: None
"""
}
