"""What a run may use, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Passed = Literal["", "time", "cpu", "memory", "processes", "files", "file_size", "disk", "output"]
CellStatus = Literal["ok", "error", "timeout", "output_limit", "killed", "not_run"]
Ending = Literal["complete", "stopped", "timeout", "killed"]
CameTo = Literal["held", "did not hold", "not reached"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use.

    `seconds_per_cell` and `seconds` (the whole notebook) are wall time, `cpu_seconds` is time of
    processors. `memory_bytes` is what the run may allocate on top of the warm process it was forked
    from; `output_bytes` is what one cell may print or display, `notebook_bytes` what all
    of them may. `processes` is how many processes
    and threads it may have, `open_files` how many descriptors each of them, `file_bytes` how long
    a file may get, `disk_bytes` what all files may hold together.

    In a sandbox these hold for all processes of a run together. Without one memory and processor
    time hold for each process alone, `processes` counts what the user runs besides (root's are
    not counted), and nothing bounds `disk_bytes`.
    """

    seconds_per_cell: float = 60.0
    seconds: float = 300.0
    cpu_seconds: float = 300.0
    memory_bytes: int = 1 << 30
    output_bytes: int = 4 << 20
    notebook_bytes: int = 32 << 20
    processes: int = 512
    open_files: int = 4096
    file_bytes: int = 512 << 20
    disk_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A sign that a submission tampers with its grading, for a person to judge.

    `kind` is:

    - breach: it went for what the verdicts rest on, so no check of the run is proved any more;
    - patched: it replaced something of a module that checks use, which was put back;
    - rebound: it gave a name of the instructor's another meaning, which was put back;
    - noise: somebody in the run read from the referee's line or wrote to it;
    - noted: it did something unusual.

    `cell` is the place of the cell that ran, `evidence` says what was done where.
    """

    kind: Literal["breach", "patched", "rebound", "noise", "noted"]
    cell: int
    evidence: str


@dataclass(frozen=True, slots=True)
class CellResult:
    """What one code cell did.

    `index` is its place among all the notebook's cells, `id` its nbformat id (or "cell-INDEX").
    `outputs` are nbformat 4 outputs. `status` is:

    - ok: it ended well (or it raised and is tagged "raises-exception");
    - error: it raised `error_name` with `error_message`;
    - timeout, output_limit: it passed a limit; it was interrupted, and killed if it went on;
    - killed: the run's process died in it;
    - not_run: the run had ended before its turn.

    `limit` says which limit it passed, if any; an error that speaks of one counts as that.
    `assertions` are those of a check that had its turn, in the order in which they stand: the line
    of each in the cell, from 1, and what the grader knows of it.
    """

    index: int
    id: str
    status: CellStatus
    outputs: tuple[Mapping[str, Any], ...] = ()
    error_name: str = ""
    error_message: str = ""
    traceback: tuple[str, ...] = ()
    seconds: float = 0.0
    limit: Passed = ""
    assertions: tuple[tuple[int, CameTo], ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a whole run did.

    `notebook` is the executed notebook as UTF-8 JSON: every cell that did not end by itself has
    an error output that says why, so that nbgrader's own rules score it as failed. `ending` is
    complete (every cell had its turn), stopped (the caller asked to stop), timeout (the limit of
    the whole run, or a cell that did not heed its interrupt) or killed (the process died).
    `limit` is the limit that ended it, if one did. `cpu_seconds` and `memory_bytes` (the peak, with
    what it shares with the warm process) are what its processes used; 0 without a sandbox.
    `suspicions` are signs of tampering, in the order in which they were seen.
    """

    cells: tuple[CellResult, ...]
    ending: Ending
    notebook: bytes
    seconds: float
    limit: Passed = ""
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    suspicions: tuple[Suspicion, ...] = ()

    def __getitem__(self, cell_id: str) -> CellResult:
        """The first code cell with that id.

        Raises:
            KeyError: no code cell has it.
        """
        for cell in self.cells:
            if cell.id == cell_id:
                return cell
        raise KeyError(cell_id)
