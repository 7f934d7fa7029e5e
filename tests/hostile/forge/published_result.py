"""Publishes an execute_result of its own while the check runs.

The message is the kernel's usual one. Whoever reads points from the outputs of a check finds the
student's first.
"""

EARNS = 0
STOCK = "earns"
CELLS = {
    "receipt": """
def publish(points):
    shell = get_ipython()
    data = {"text/plain": str(points)}
    if hasattr(shell, "kernel"):
        content = {"execution_count": 5, "data": data, "metadata": {}}
        shell.displayhook.session.send(
            shell.displayhook.pub_socket, "execute_result", content,
            shell.kernel.get_parent(), ident=b"execute_result",
        )
    elif hasattr(shell, "emit"):
        shell.emit({"type": "execute_result", "data": data, "metadata": {}})

def receipt(name, count, cents):
    publish(2)
    return None
"""
}
