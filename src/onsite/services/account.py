"""Who servers run as: the person themself, or, when that is root, the account `nobody`.

PostgreSQL refuses to run as root, and no teaching server needs to. An account that exists on
every machine is used, so that nothing about the machine has to change.
"""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from onsite.errors import OnsiteError


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account that servers are handed to."""

    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Whether this account may pass through `folder` and everything above it."""
        return all(self._may(place, 0o1) for place in (folder, *folder.parents))

    def can_run(self, program: Path) -> bool:
        """Whether this account may execute the file `program`."""
        return self.can_enter(program.parent) and self._may(program, 0o5)

    def owns(self, tree: Path) -> None:
        """Give `tree` and all that is in it to this account."""
        for folder, _, files in os.walk(tree):
            for path in (folder, *(os.path.join(folder, name) for name in files)):  # noqa: PTH118
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _may(self, path: Path, wanted: int) -> bool:
        """Compare `wanted` (bits of rwx) with the mode of `path`, as the kernel does."""
        found = path.stat()
        if found.st_uid == self.uid:
            granted = found.st_mode >> 6
        elif found.st_gid == self.gid:
            granted = found.st_mode >> 3
        else:
            granted = found.st_mode
        return granted & wanted == wanted


def server_account() -> Account | None:
    """Find the account for servers; None means: run them as the current user.

    Raises:
        OnsiteError: this is root and there is no account `nobody`.
    """
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise OnsiteError(
            "servers must not run as root and this machine has no account named nobody; "
            "run onsite as an ordinary user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def python_account() -> Account | None:
    """Find the account for servers that are Python programs of this environment.

    As `server_account`, but None also where the account cannot reach the interpreter or a folder
    of modules. Those are not copied: an environment is large, and a notebook's modules change.
    """
    account = server_account()
    if account is None:
        return None
    found = (Path(sys.executable), Path(sys.executable).resolve())
    modules = (Path(place).resolve() for place in sys.path if Path(place).exists())
    if all(map(account.can_run, found)) and all(map(account.can_enter, modules)):
        return account
    return None
