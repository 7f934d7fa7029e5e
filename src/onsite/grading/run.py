"""One notebook in one forked process: cells handed out in turn, limits enforced."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from onsite.grading.channels import Channels
from onsite.grading.document import Document
from onsite.grading.errors import LostError
from onsite.grading.outputs import Outputs
from onsite.grading.result import CellResult, CellStatus, Ending, Limits, RunResult
from onsite.grading.warm import WarmProcess
from onsite.grading.wire import Message

#: How long an interrupted cell has to end by itself before the run is killed, in seconds.
INTERRUPT_GRACE = 1.0
#: How long the notebook's own clean-up (atexit) may take after the last cell, in seconds.
EXIT_GRACE = 3.0
#: Room that a message may take beside the output that it carries.
ENVELOPE = 1 << 16

Stop = Callable[[CellResult], bool]


class Run:
    """One notebook in one forked process."""

    def __init__(
        self, zygote: WarmProcess, document: Document, limits: Limits, seed: int, stop: Stop | None
    ) -> None:
        self._zygote = zygote
        self._document = document
        self._limits = limits
        self._seed = seed
        self._stop = stop
        self._displays: dict[str, list[dict[str, Any]]] = {}
        self._cells: list[CellResult] = []
        self._ending: Ending = "complete"

    def result(self, *, alone: bool = False) -> RunResult:
        """Run it.

        Args:
            alone: no other run shares the warm process, so if that dies it was this run's doing.

        Raises:
            LostError: the warm process died, and `alone` is false.
        """
        started = time.monotonic()
        self._deadline = started + self._limits.seconds
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=self._zygote.folder))
        folder.chmod(0o711)
        for name in ("work", "home", "tmp"):
            (folder / name).mkdir()
        self._channels = Channels(self._limits.output_bytes + ENVELOPE)
        try:
            self._number = self._zygote.fork(self._fence(folder), self._channels.far)
            self._channels.close_far()
            try:
                self._run_cells()
                self._let_clean_up()
            finally:
                self._zygote.end(self._number)
        except LostError:
            if not alone:
                raise
            self._ending = "killed"
        finally:
            self._channels.close()
            shutil.rmtree(folder, ignore_errors=True)
        for index, cell in self._document.code[len(self._cells) :]:
            self._add(cell, _not_run(index, cell), None)
        return RunResult(
            tuple(self._cells), self._ending, self._document.dump(), time.monotonic() - started
        )

    def _fence(self, folder: Path) -> dict[str, Any]:
        running = self._zygote.processes
        return {
            "folder": str(folder),
            "memory_bytes": self._limits.memory_bytes,
            "processes": running + self._limits.processes if running else 0,
            "seed": self._seed,
        }

    def _run_cells(self) -> None:
        for count, (index, cell) in enumerate(self._document.code, start=1):
            result = self._run_cell(index, cell, count)
            self._add(cell, result, count)
            if not self._channels.alive:
                self._ending = "timeout" if result.status == "timeout" else "killed"
                return
            if time.monotonic() > self._deadline:
                self._ending = "timeout"
                return
            if self._stop is not None and self._stop(result):
                self._ending = "stopped"
                return

    def _add(self, cell: dict[str, Any], result: CellResult, count: int | None) -> None:
        self._cells.append(result)
        cell["outputs"], cell["execution_count"] = list(result.outputs), count

    def _run_cell(self, index: int, cell: dict[str, Any], count: int) -> CellResult:
        channels, outputs = self._channels, Outputs(self._limits.output_bytes, self._displays)
        started = time.monotonic()
        deadline = min(started + self._limits.seconds_per_cell, self._deadline)
        passed: CellStatus | None = None
        done: Message | None = None
        channels.send({"type": "cell", "source": cell["source"]})
        while channels.alive:
            done = channels.listen(outputs, count, deadline - time.monotonic())
            late = time.monotonic() > deadline
            if done is not None:
                break
            if passed is not None:
                if late:  # it did not heed the interrupt
                    channels.alive = False
            elif late or outputs.full:
                passed = "timeout" if late else "output_limit"
                self._interrupt()
                deadline = time.monotonic() + INTERRUPT_GRACE
        if passed is None and outputs.full:
            passed = "output_limit"
        status, name, text = self._verdict(passed, done, cell)
        trace = outputs.last_traceback()
        if passed is not None or done is None:
            trace = (f"{name}: {text}",)
            outputs.add_error(name, text, list(trace))
        seconds = time.monotonic() - started
        return CellResult(
            index, _cell_id(index, cell), status, outputs.finished(), name, text, trace, seconds
        )

    def _verdict(
        self, passed: CellStatus | None, done: Message | None, cell: dict[str, Any]
    ) -> tuple[CellStatus, str, str]:
        limits = self._limits
        if passed == "timeout":
            return (
                passed,
                "CellTimeoutError",
                f"the cell ran longer than its {limits.seconds_per_cell:g} s, "
                f"or the notebook longer than its {limits.seconds:g} s",
            )
        if passed == "output_limit":
            return (
                passed,
                "OutputLimitError",
                f"the cell printed or displayed more than {limits.output_bytes:,} bytes",
            )
        if done is None:
            return "killed", "DeadKernelError", "the process that ran the notebook died"
        name = str(done.get("ename") or "")
        expected = "raises-exception" in cell["metadata"].get("tags", ())
        return "error" if name and not expected else "ok", name, str(done.get("evalue") or "")

    def _interrupt(self) -> None:
        try:
            self._zygote.interrupt(self._number)
        except LostError:
            self._channels.alive = False

    def _let_clean_up(self) -> None:
        """Give what the notebook registered with atexit its time; nobody reads what it prints."""
        unread = Outputs(0, {})
        deadline = time.monotonic() + EXIT_GRACE
        self._channels.send({"type": "exit"})
        while self._channels.alive and time.monotonic() < deadline:
            self._channels.listen(unread, 0, deadline - time.monotonic())


def _cell_id(index: int, cell: Mapping[str, Any]) -> str:
    return str(cell.get("id") or f"cell-{index}")


def _not_run(index: int, cell: Mapping[str, Any]) -> CellResult:
    name, text = "CellNotRun", "the run had ended before this cell's turn"
    trace = (f"{name}: {text}",)
    output = {"output_type": "error", "ename": name, "evalue": text, "traceback": list(trace)}
    return CellResult(index, _cell_id(index, cell), "not_run", (output,), name, text, trace)
