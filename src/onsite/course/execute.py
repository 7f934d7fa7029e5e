"""`onsite run`: papermill executes topics, solutions in place, and says how long each took."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat
import psutil

from onsite.course.build import module_files
from onsite.course.compiler import compile_topic
from onsite.course.layout import Layout
from onsite.course.model import Topic
from onsite.files import write_atomically

# What a topic's kernel, its worker processes and its server may take together at their peak.
MEMORY_PER_TOPIC = 1_500_000_000
SECONDS_PER_CELL = 600
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that did not end well: its number (from 1), its source and its traceback.

    The number is that of the notebook that students have, with its added cells. A kernel that died
    or a cell that took too long leaves no traceback.
    """

    cell: int
    source: str
    error: str
    traceback: str


@dataclass(frozen=True, slots=True)
class TopicRun:
    """One executed topic. Times are in seconds, `output_bytes` is the size of all cell outputs."""

    topic: str
    seconds: float
    cells: int
    slowest_cell: int
    slowest_seconds: float
    output_bytes: int
    notebook: str
    failure: Failure | None


def run_topics(layout: Layout, topics: Sequence[Topic], jobs: int) -> Iterator[TopicRun]:
    """Execute topics on `jobs` processes; results come as they finish.

    Executed notebooks are kept below build/run/, failed ones too, as far as they came.
    """
    folder = layout.build / "run"
    for module in dict.fromkeys(topic.module for topic in topics):
        for place, content in module_files(layout, module).items():
            write_atomically(folder / place, content)
    jobs = max(1, min(jobs, len(topics)))
    # spawn: the workers start kernels and threads, which a fork of this process could deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(_run_topic, topic, folder) for topic in topics]
        for future in as_completed(futures):
            yield future.result()


def default_jobs() -> int:
    """As many topics at once as processors and free memory allow."""
    by_memory = psutil.virtual_memory().available // MEMORY_PER_TOPIC
    return max(1, min(os.cpu_count() or 1, int(by_memory)))


def write_timings(layout: Layout, runs: Sequence[TopicRun]) -> Path:
    """Keep the results of a run as build/run/timings.json, and say where."""
    path = layout.build / "run" / "timings.json"
    document = [asdict(run) for run in sorted(runs, key=lambda run: run.topic)]
    write_atomically(path, json.dumps(document, indent=1).encode())
    return path


def _run_topic(topic: Topic, folder: Path) -> TopicRun:
    # papermill is slow to import, and only the workers need it.
    import papermill
    import zmq
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import remove_error_markers
    from traitlets.config import Config

    home = folder / topic.module
    home.mkdir(parents=True, exist_ok=True)
    source, executed = home / f"{topic.id}.source.ipynb", home / f"{topic.id}.ipynb"
    write_atomically(source, nbformat.writes(compile_topic(topic)).encode())
    # Keys for the kernel's sockets: other users of this machine cannot read along, and the kernel
    # has nothing to warn of.
    encryption = "auto" if zmq.has("curve") else "disabled"
    failure = None
    started = time.perf_counter()
    try:
        papermill.execute_notebook(
            str(source),
            str(executed),
            cwd=str(home),
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=SECONDS_PER_CELL,
            config=Config(KernelManager={"transport_encryption": encryption}),
        )
    except PapermillExecutionError as error:
        failure = Failure(
            cell=error.cell_index + 1,
            source=error.source,
            error=f"{error.ename}: {error.evalue}",
            traceback=_ANSI.sub("", "\n".join(error.traceback)),
        )
    except (DeadKernelError, CellTimeoutError) as error:
        failure = _unfinished(executed, error)
    seconds = time.perf_counter() - started
    source.unlink()
    # Papermill marks a failure by two cells more, which would shift the numbers.
    cells = remove_error_markers(nbformat.read(executed, as_version=4)).cells
    durations = [cell.metadata.get("papermill", {}).get("duration") or 0.0 for cell in cells]
    slowest = max(range(len(cells)), key=lambda number: durations[number])
    return TopicRun(
        topic=f"{topic.module}/{topic.id}",
        seconds=seconds,
        cells=len(cells),
        slowest_cell=slowest + 1,
        slowest_seconds=durations[slowest],
        output_bytes=sum(len(json.dumps(cell.get("outputs", []))) for cell in cells),
        notebook=str(executed),
        failure=failure,
    )


def _unfinished(executed: Path, error: Exception) -> Failure:
    """The cell that was running when the kernel died or the time was up."""
    cells = nbformat.read(executed, as_version=4).cells
    states = [cell.metadata.get("papermill", {}) for cell in cells]
    number = max((n for n, state in enumerate(states) if state.get("start_time")), default=0)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    return Failure(number + 1, cells[number].source, what, "")
