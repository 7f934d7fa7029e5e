"""A grader process: it grades what its coordinator sends it, until that is gone.

    python -m onsite.grading.worker DESCRIPTOR < what a Grader takes, pickled

It is its coordinator's own child and is trusted; what it runs for students is not its child but
its warm process's.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from onsite.grading.grader import Grader

#: What a worker sends when it can take submissions.
READY = b"ready"


def main(descriptor: int) -> None:
    """Grade until the other end of the connection closes."""
    channel = Connection(descriptor)
    assignment, limits, sandbox = pickle.load(sys.stdin.buffer)  # noqa: S301 - our parent's
    with Grader(assignment, limits=limits, sandbox=sandbox) as grader:
        submissions: SimpleQueue[bytes] = SimpleQueue()
        listener = threading.Thread(
            target=_listen, args=(channel, submissions, grader), daemon=True
        )
        listener.start()
        channel.send_bytes(READY)
        while True:
            channel.send_bytes(grader.grade(submissions.get()))


def _listen(channel: Connection, submissions: SimpleQueue[bytes], grader: Grader) -> None:
    """Take in submissions, so that the next one is here when one is done; then end everything.

    The coordinator may be gone in the middle of a long run, of which nobody wants to know any more.
    """
    try:
        while True:
            submissions.put(channel.recv_bytes())
    except (EOFError, OSError):
        grader.close()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
