"""A notebook as a runner sees it: its code cells, and where their outputs go."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from onsite.errors import OnsiteError


class Document:
    """A notebook being executed."""

    def __init__(self, data: bytes, leave_out: Collection[int]) -> None:
        try:
            self.content: dict[str, Any] = json.loads(data)
            cells = self.content["cells"]
            if self.content["nbformat"] != 4:
                raise ValueError
            self.code = [
                (index, cell)
                for index, cell in enumerate(cells)
                if cell["cell_type"] == "code" and index not in leave_out
            ]
            for _, cell in self.code:
                source = cell["source"]
                cell["source"] = source if isinstance(source, str) else "".join(source)
                cell["metadata"] = dict(cell.get("metadata") or {})
                cell["outputs"], cell["execution_count"] = [], None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise OnsiteError(
                "This is not a notebook of nbformat 4; open it in JupyterLab and save it again."
            ) from None

    def dump(self) -> bytes:
        """The notebook with what was put into its cells, as JSON in UTF-8."""
        # Without an indent, which would make it five times as slow.
        return json.dumps(self.content, ensure_ascii=False).encode("utf-8", "replace")
