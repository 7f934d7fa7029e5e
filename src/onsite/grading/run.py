"""One notebook in one forked process: cells handed out in turn, limits enforced."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from onsite.grading.channels import Channels
from onsite.grading.document import Document
from onsite.grading.ended import Ended
from onsite.grading.errors import KilledError, LostError
from onsite.grading.outputs import LONGEST_TEXT, Outputs, shortened
from onsite.grading.passed import explain, limit_in
from onsite.grading.referee.judge import Hearing, Judge, Parts, explained
from onsite.grading.result import (
    CellResult,
    CellStatus,
    Ending,
    Limits,
    Passed,
    RunResult,
    Suspicion,
)
from onsite.grading.warm import WarmProcess
from onsite.grading.wire import Message

#: How long an interrupted cell has to end by itself before the run is killed, in seconds.
INTERRUPT_GRACE = 3.0
#: How long the notebook's own clean-up (atexit) may take after the last cell, in seconds.
EXIT_GRACE = 3.0
#: How long a run that says no more may take to end by itself, in seconds.
DEATH_GRACE = 1.0
#: What one process may use beyond the limit of processor time for all of them, in seconds.
CPU_SPARE = 5.0
#: Room that a message may take beside the output that it carries.
ENVELOPE = 1 << 16

Stop = Callable[[CellResult], bool]


class Run:
    """One notebook in one forked process."""

    def __init__(
        self,
        zygote: WarmProcess,
        document: Document,
        limits: Limits,
        seed: int,
        stop: Stop | None,
        parts: Parts,
        *,
        alone: bool = False,
        died_in: int | None = None,
    ) -> None:
        """Take what is to be run.

        Args:
            zygote: the warm process.
            document: the notebook.
            limits: what the run may use.
            seed: of the generators of random numbers.
            stop: see `Runner.run`.
            parts: whose the cells are.
            alone: no other run shares the warm process.
            died_in: the place of the code cell in which somebody killed this notebook before.
        """
        self._zygote = zygote
        self._document = document
        self._limits = limits
        self._seed = seed
        self._stop = stop
        self._judge = Judge(document.content["cells"], parts)
        self._displays: dict[str, list[dict[str, Any]]] = {}
        self._shown = 0  # bytes of all outputs so far
        self._cells: list[CellResult] = []
        self._ending: Ending = "complete"
        self._limit: Passed = ""
        self._alone = alone
        self._died_in = died_in
        self._ended: Ended | None = None

    def result(self) -> RunResult:
        """Run it.

        Raises:
            LostError: the warm process or the run's init died, which was not this run's doing.
            KilledError: somebody killed the run, and not in the cell `died_in`.
        """
        started = time.monotonic()
        self._deadline = started + self._limits.seconds
        with self._zygote.room() as folder, self._start(folder) as self._channels:
            try:
                self._run_cells()
                if not self._zygote.sandboxed:  # else nothing of it is left to be cleaned up
                    self._let_clean_up()
            finally:
                ended = self._end()
        for index, cell in self._document.code[len(self._cells) :]:
            self._add(cell, _not_run(index, cell), None)
        return RunResult(
            tuple(self._cells),
            self._ending,
            self._document.dump(),
            time.monotonic() - started,
            self._limit,
            ended.cpu_seconds,
            ended.memory_bytes,
            self._suspicions(),
        )

    def _suspicions(self) -> tuple[Suspicion, ...]:
        found = self._judge.suspicions
        if self._channels.noise:
            cell = self._cells[-1].index if self._cells else 0
            found = [*found, Suspicion("noise", cell, "somebody used the referee's line")]
        return tuple(found)

    def _start(self, folder: str) -> contextlib.closing[Channels]:
        """Have the run at hand, and the next one made ready meanwhile; what connects us with it."""
        order, message_bytes = self._order(folder), self._limits.output_bytes + ENVELOPE
        forks = self._zygote.forks
        fork = forks.take(order, message_bytes)
        if self._zygote.sandboxed:  # else the next run has a folder of its own
            forks.prepare(order, message_bytes)
        self._number = fork.number
        return contextlib.closing(fork.channels)

    def _order(self, folder: str) -> dict[str, Any]:
        """What the warm process is told of the run."""
        limits = self._limits
        # In a sandbox the run's init says that the limit was passed, so it has to be the first.
        spare = CPU_SPARE if self._zygote.sandboxed else 0.0
        fence = {
            "folder": folder,
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": limits.cpu_seconds + spare,
            "processes": self._zygote.processes(limits.processes),
            "open_files": self._zygote.open_files(limits.open_files),
            "file_bytes": limits.file_bytes,
            "seed": self._seed,
        }
        bounds = {
            "memory_bytes": limits.memory_bytes,
            "cpu_seconds": limits.cpu_seconds,
            "disk_bytes": limits.disk_bytes,
        }
        return {"fence": fence, "bounds": bounds}

    def _end(self) -> Ended:
        """End the run, if that has not been done; how it ended.

        Raises:
            LostError: nobody can say that, which is not the run's doing.
        """
        if self._ended is None:
            self._ended = self._end_now()
        if self._ended.fault:
            raise LostError(self._ended.fault)
        return self._ended

    def _end_now(self) -> Ended:
        ended = None
        with contextlib.suppress(LostError):
            self._zygote.end(self._number)
            ended = self._channels.ended()
        if ended is not None:
            return ended
        if self._alone and not self._zygote.sandboxed:
            return Ended()  # no other run could kill the warm process; in a sandbox none can
        return Ended(fault="what watched over the run died")

    def _run_cells(self) -> None:
        for count, (index, cell) in enumerate(self._document.code, start=1):
            result = self._run_cell(index, cell, count)
            self._add(cell, result, count)
            if not self._channels.alive:
                self._ending = "timeout" if result.status == "timeout" else "killed"
                self._limit = result.limit
                return
            if time.monotonic() > self._deadline:
                self._ending, self._limit = "timeout", "time"
                return
            if self._stop is not None and self._stop(result):
                self._ending = "stopped"
                return

    def _add(self, cell: dict[str, Any], result: CellResult, count: int | None) -> None:
        self._cells.append(result)
        cell["outputs"], cell["execution_count"] = list(result.outputs), count

    def _run_cell(self, index: int, cell: dict[str, Any], count: int) -> CellResult:
        channels, hearing = self._channels, self._judge.hear(index)
        room = min(self._limits.output_bytes, self._limits.notebook_bytes - self._shown)
        outputs = Outputs(room, self._displays, graded=hearing.role == "check")
        started = time.monotonic()
        deadline = min(started + self._limits.seconds_per_cell, self._deadline)
        passed: CellStatus | None = None
        done: Message | None = None
        channels.send(hearing.task)
        while channels.alive:
            done = channels.listen(outputs, count, deadline - time.monotonic(), self._judge.answer)
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
        status, name, text, limit = self._verdict(passed, done, cell, hearing)
        trace = outputs.last_traceback()
        if hearing.program is not None or passed is not None or done is None:
            trace = tuple(shortened(explained(name, text, done)))
            if name:
                outputs.add_error(name, text, list(trace))
            elif done is not None and hearing.role == "check" and done["result"] is not None:
                outputs.add_result(done["result"], count)
        self._shown += outputs.used
        seconds = time.monotonic() - started
        return CellResult(
            *(index, _cell_id(index, cell), status, outputs.finished(), name, text, trace, seconds),
            limit,
            () if done is None else self._judge.evidence(hearing, done),
        )

    def _verdict(
        self,
        passed: CellStatus | None,
        done: Message | None,
        cell: dict[str, Any],
        hearing: Hearing,
    ) -> tuple[CellStatus, str, str, Passed]:
        if passed == "timeout":
            return passed, *explain("time", self._limits), "time"
        if passed == "output_limit":
            return passed, *explain("output", self._limits), "output"
        if done is None:
            limit = self._cause_of_death()
            return "killed", *explain(limit, self._limits), limit
        name, text = (each[:LONGEST_TEXT] for each in self._judge.verdict(hearing, done))
        expected = "raises-exception" in cell["metadata"].get("tags", ())
        return "error" if name and not expected else "ok", name, text, limit_in(name, text)

    def _cause_of_death(self) -> Passed:
        """The limit that the run was killed for, if it was one.

        Raises:
            LostError: it died with what watched over it.
            KilledError: somebody killed it; the same cell dying again is the notebook's doing.
        """
        # It says nothing more before it is dead, and what it died of is known after that.
        self._channels.await_end(DEATH_GRACE)
        ended = self._end()
        index = self._document.code[len(self._cells)][0]
        if ended.was_killed and index != self._died_in:
            raise KilledError(index)
        return ended.passed

    def _interrupt(self) -> None:
        try:
            self._zygote.interrupt(self._number)
        except LostError:
            self._channels.alive = False

    def _let_clean_up(self) -> None:
        """Give what the notebook registered with atexit its time; nobody reads what it prints."""
        unread = Outputs(0, {})
        deadline = time.monotonic() + EXIT_GRACE
        self._channels.send({"do": "exit"})
        while self._channels.alive and time.monotonic() < deadline:
            self._channels.listen(unread, 0, deadline - time.monotonic(), lambda question: None)


def _cell_id(index: int, cell: Mapping[str, Any]) -> str:
    return str(cell.get("id") or f"cell-{index}")


def _not_run(index: int, cell: Mapping[str, Any]) -> CellResult:
    name, text = "CellNotRun", "the run had ended before this cell's turn"
    trace = (f"{name}: {text}",)
    output = {"output_type": "error", "ename": name, "evalue": text, "traceback": list(trace)}
    return CellResult(index, _cell_id(index, cell), "not_run", (output,), name, text, trace)
