"""What servers in runs begin with, made once for all of them: see `bubblewrap.find`."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from onsite.errors import OnsiteError
from onsite.grading.sandbox import init, kernel
from onsite.services.handles import postgres


def main(account: tuple[int, int] | None) -> None:
    """Make it where the sandbox shows it, which for this once may be written."""
    init.become_student(account)
    kernel.set_dumpable(True)
    kernel.keep_capabilities(0)
    services = Path(init.SERVICES)
    services.mkdir(mode=0o700)
    (services / "templates").symlink_to(f"{init.SHARED}/templates")
    os.chdir(services)
    with contextlib.suppress(OnsiteError):  # there is none on this machine
        postgres.make_ready()


if __name__ == "__main__":
    main((int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else None)
