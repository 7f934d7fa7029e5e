"""Write files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(
    path: Path, content: bytes, mode: int = 0o644, *, staging: Path | None = None
) -> None:
    """Write `content` to a temporary file, then rename it into place.

    Missing folders are made. Readers see the old file or the new one; after an error or a crash
    the old one is still there.

    Args:
        path: where the file is to be.
        content: the whole of it.
        mode: its permissions.
        staging: the folder for the temporary file, on the same file system; beside `path` if left
            out. What a killed process leaves there, its owner can clear.
    """
    folder = staging or path.parent
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
