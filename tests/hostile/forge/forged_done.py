"""Says "this cell is done, and well" in the middle of a check.

The answer sends the message by which the run's process tells the grader that a cell has ended.
If that is believed, what the check finds afterwards comes too late.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
def done():
    shell = get_ipython()
    if hasattr(shell, "emit"):
        shell.emit({"type": "done", "ename": "", "evalue": "", "seconds": 0.1})
    elif hasattr(shell, "kernel"):
        kernel = shell.kernel
        reply = {"status": "ok", "execution_count": 5, "user_expressions": {}, "payload": []}
        parent = kernel.get_parent()
        shell.showtraceback = lambda *a, **k: None
        shell._showtraceback = lambda *a, **k: None
        kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent)
        kernel.session.send(kernel.shell_stream, "execute_reply", reply, parent,
                            ident=kernel._parent_ident["shell"])

def receipt(name, count, cents):
    done()
    import time
    time.sleep(0.5)
    raise SystemExit
"""
}
