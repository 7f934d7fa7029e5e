"""What a cell shows, collected as nbformat has it and up to a limit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from onsite.grading.wire import MalformedMessageError, Message

#: What an output counts for besides what is in it, in bytes.
ENTRY = 200
#: What is kept of an error: characters of its text and of a line of its traceback, and lines.
LONGEST_TEXT, LONGEST_LINE, MOST_LINES = 100_000, 10_000, 200
#: What is nested deeper is not kept: readers of notebooks have a limit as well.
MAX_DEPTH = 100


class Outputs:
    """The outputs of one cell as nbformat has them, up to a limit in bytes; `used` says how many.

    In a `graded` cell only what is printed or displayed counts, because an error or a value decides
    about points: those are the referee's to say. Nor is it text on stderr: there nbgrader's rules
    would make a zero of a warning, so it joins what is printed.
    """

    def __init__(
        self, limit: int, displays: dict[str, list[dict[str, Any]]], *, graded: bool = False
    ) -> None:
        self.used = 0
        self._limit = limit
        self._has_error = False
        self._graded = graded
        self._displays = displays
        self._clear_next = False
        self._items: list[dict[str, Any]] = []
        self.full = False

    def add_text(self, name: str, text: str) -> None:
        """Printed text joins the text before it."""
        if not text or not self._take(len(text)):
            return
        if self._graded:
            name = "stdout"
        self._maybe_clear()
        last = self._items[-1] if self._items else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"].append(text)
        elif self._take(ENTRY):
            self._items.append({"output_type": "stream", "name": name, "text": [text]})

    def add(self, message: Message, count: int) -> None:
        """Any output that came as a message, in the cell with that execution count.

        Raises:
            MalformedMessageError: it is not what it says it is.
        """
        kind = message.get("type")
        if self._graded and kind in ("execute_result", "error"):
            return
        if kind == "stream":
            name = message.get("name")
            if name not in ("stdout", "stderr"):
                raise MalformedMessageError(f"no stream is called {name!r}")
            self.add_text(name, str(message.get("text")))
            return
        if kind == "clear_output":
            self._clear_next = True
            if not message.get("wait"):
                self._maybe_clear()
            return
        if kind == "error":
            trace = message.get("traceback")
            lines = [str(line) for line in trace[:MOST_LINES]] if isinstance(trace, list) else []
            name, text = str(message.get("ename")), str(message.get("evalue"))
            # The first one is kept even when the cell has used up its room: it says why.
            if not self._has_error or self._take(ENTRY):
                self.add_error(name, text, lines)
            return
        content = [message.get("data"), message.get("metadata")]
        if not _is_shallow(content):
            return
        size = len(json.dumps(content))
        bundle = {"data": _mime_bundle(content[0]), "metadata": _object(content[1])}
        display = message.get("display_id")
        places = self._displays.get(str(display), ())
        if kind == "update_display_data":
            # It is in the notebook as often as there are displays of that name.
            size *= max(1, len(places))
        else:
            size += ENTRY + len(str(display))
        if not self._take(size):
            return
        if kind == "update_display_data":
            for shown in places:
                shown.update(bundle)
            return
        if kind not in ("display_data", "execute_result"):
            raise MalformedMessageError(f"no output is called {kind!r}")
        self._maybe_clear()
        output = {"output_type": kind, **bundle}
        if kind == "execute_result":
            output["execution_count"] = count
        elif display is not None:
            self._displays.setdefault(str(display), []).append(output)
        self._items.append(output)

    def add_error(self, name: str, text: str, trace: list[str]) -> None:
        """An error, which is kept whatever the limit, though not all of a long one."""
        name, text, trace = name[:LONGEST_LINE], text[:LONGEST_TEXT], shortened(trace)
        self.used += ENTRY + len(name) + len(text) + sum(map(len, trace))
        self._has_error = True
        self._items.append(
            {"output_type": "error", "ename": name, "evalue": text, "traceback": trace}
        )

    def add_result(self, value: float, count: int) -> None:
        """The number that a check came to."""
        self._items.append(
            {
                "output_type": "execute_result",
                "data": {"text/plain": repr(value)},
                "metadata": {},
                "execution_count": count,
            }
        )

    def last_traceback(self) -> tuple[str, ...]:
        """The traceback of the last error output, if there is one."""
        for item in reversed(self._items):
            if item["output_type"] == "error":
                return tuple(item["traceback"])
        return ()

    def finished(self) -> tuple[dict[str, Any], ...]:
        """Everything that was added, as nbformat's outputs."""
        for item in self._items:
            if item["output_type"] == "stream":
                item["text"] = "".join(item["text"])
        return tuple(self._items)

    def _take(self, size: int) -> bool:
        if self.full:
            return False
        self.used += size
        self.full = self.used > self._limit
        return not self.full

    def _maybe_clear(self) -> None:
        if self._clear_next:
            self._items.clear()
            self._clear_next = False


def shortened(trace: Sequence[str]) -> list[str]:
    """What is kept of a traceback."""
    return [line[:LONGEST_LINE] for line in trace[:MOST_LINES]]


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = (
            each.values() if isinstance(each, dict) else each
            for each in level
            if isinstance(each, dict | list)
        )
        level = [part for parts in inner for part in parts]
        if not level:
            return True
    return False


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedMessageError("a JSON object was expected")
    return value


def _mime_bundle(value: object) -> dict[str, Any]:
    return {
        mime: item if isinstance(item, str) or mime.endswith("json") else json.dumps(item)
        for mime, item in _object(value).items()
    }
