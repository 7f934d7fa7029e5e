"""What every service handle has in common: open, closed, shown as a card, closed at exit."""

from __future__ import annotations

import atexit
import contextlib
import html
import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from onsite.errors import OnsiteError
from onsite.services import process

_open: list[Handle] = []

_CARD = """\
<div style="display:inline-block;min-width:22em;max-width:100%;box-sizing:border-box;\
margin:2px 0;padding:10px 14px;border-radius:6px;\
border:1px solid var(--jp-border-color2,#bdbdbd);\
border-left:4px solid {accent};\
background:var(--jp-layout-color1,Canvas);color:var(--jp-ui-font-color1,CanvasText);\
font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.6">
<div><strong style="font-size:14px">{title}</strong>
<span style="float:right;margin-left:2em;color:{accent};font-weight:600">{state}</span></div>
<div style="color:var(--jp-ui-font-color2,GrayText)">{facts}</div>
<div style="margin-top:4px"><code title="click to select" style="user-select:all;\
-webkit-user-select:all;cursor:copy;display:block;overflow-wrap:anywhere;padding:3px 6px;\
border-radius:3px;background:var(--jp-layout-color2,rgba(128,128,128,.15));\
color:var(--jp-content-font-color1,CanvasText);\
font-family:var(--jp-code-font-family,monospace);font-size:12px">{url}</code></div>
</div>"""
_GOOD = "var(--jp-success-color1,#2e7d32)"
_IDLE = "var(--jp-warn-color1,#b26a00)"


class Handle(ABC):
    """A running service, as a notebook sees it.

    Handles are context managers, close themselves when the process ends, and may be closed twice.
    In a forked child a handle can still be used; only the process that made it ends the service.
    """

    service: str
    """The product's true name."""
    version: str
    """The version that the server itself reports."""
    call: str
    """How to get another one, for messages."""

    def __init__(self) -> None:
        """Begin open, owned by this process."""
        self._owner = os.getpid()
        self._closed = False
        _open.append(self)

    @property
    @abstractmethod
    def url(self) -> str:
        """The address, as a URL that clients take."""

    @property
    @abstractmethod
    def state(self) -> str:
        """`running`, `closed`, or what else became of it."""

    @abstractmethod
    def _release(self) -> None:
        """Give back what this handle holds; called once, in the process that made it."""

    @property
    @abstractmethod
    def _is_own(self) -> bool:
        """Whether the server is the user's own, whose password is not for cards."""

    @abstractmethod
    def _facts(self) -> tuple[str, ...]:
        """Short facts for the card."""

    def close(self) -> None:
        """Give the service back. Harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        if self in _open:
            _open.remove(self)
        if os.getpid() == self._owner:
            self._release()

    def _require_open(self) -> None:
        if self._closed:
            raise OnsiteError(
                f"this {self.service} handle is closed; call {self.call}() for a new one."
            )

    def __enter__(self) -> Self:
        """Use the handle in a `with` block."""
        self._require_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close at the end of the block."""
        self.close()

    def __repr__(self) -> str:
        """One line with product, version, state and address, without the password."""
        return f"<{self.service} {self.version}, {self.state}: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        """A card for notebooks, for light and dark themes."""
        state = self.state
        return _CARD.format(
            accent=_GOOD if state == "running" else _IDLE,
            title=html.escape(f"{self.service} {self.version}"),
            state=html.escape(state),
            facts=" · ".join(map(html.escape, self._facts())),
            url="closed" if self._closed else html.escape(self._shown_url()),
        )

    def _shown_url(self) -> str:
        """The address for a card, which is saved in the notebook and handed in with it.

        The password of a private server is of no use elsewhere; one of a user's own is left out.
        """
        parts = urlsplit(self.url)
        if not self._is_own or parts.password is None:
            return self.url
        user, _, host = parts.netloc.rpartition("@")
        return self.url.replace(parts.netloc, f"{user.partition(':')[0]}:***@{host}", 1)


@atexit.register
def close_all() -> None:
    """Close every handle and server of this process."""
    process.close_servers()  # first: what lives on them need not be tidied then
    for handle in _open.copy():
        with contextlib.suppress(Exception):  # a user's server may be gone; the others still close
            handle.close()
