"""The course that is attacked: one assignment, honest students, and secrets where thieves look."""

from __future__ import annotations

import copy
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from tests.hostile.corpus import EXERCISES, Attack

from onsite.course.build import build
from onsite.course.layout import Layout
from onsite.course.reader import read_course

MODULE, TOPIC = "01-target", "shop"
#: What a right answer to all exercises earns without a person.
FULL = 10.0

#: What must not come back to a thief, by where it lies. The first three are in source/ as it is.
SECRETS = {
    "hidden tests": "gull x 4 = 0.04",
    "course": "BEGIN HIDDEN TESTS",
    "solution": "euros, rest = divmod(",
    "neighbour": "canary-neighbour-4f1d",
    "gradebook": "canary-gradebook-8a02",
    "home": "canary-home-c7e9",
    "environment": "canary-environment-91bb",
    "network": "canary-network-5d3c",
    "socket": "canary-socket-e608",
}

_COLOUR = re.compile(r"(?:\x1b|\\u001b)\[[0-9;]*m|</?span[^>]*>")

#: Right answers, other than those of source/.
HONEST = {
    "receipt": """\
def receipt(name, count, cents):
    total = str(count * cents).zfill(3)
    return f"{name} x {count} = {total[:-2]}.{total[-2:]}"
""",
    "bucket": """\
class Bucket:
    def __init__(self, size, per_second, clock):
        self.size, self.per_second, self.clock = size, per_second, clock
        self.empty_at = clock() - size / per_second

    def take(self):
        now = self.clock()
        self.empty_at = max(self.empty_at, now - self.size / self.per_second)
        if now - self.empty_at < 1 / self.per_second:
            return False
        self.empty_at += 1 / self.per_second
        return True
""",
    "deliver": """\
from concurrent.futures import ThreadPoolExecutor


def deliver(orders, courier, on_error):
    def one(order):
        try:
            return courier(order)
        except Exception as error:
            on_error(order, error)

    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(one, orders))
""",
}


@dataclass(frozen=True, slots=True)
class Places:
    """What an attacker knows, written @COURSE@ and so on in a submission."""

    course: Path
    home: Path
    port: int
    socket: str

    def fill(self, text: str) -> str:
        """`text` with the places in it."""
        return (
            text.replace("@COURSE@", str(self.course))
            .replace("@HOME@", str(self.home))
            .replace("@PORT@", str(self.port))
            .replace("@SOCKET@", self.socket)
        )


def build_course(root: Path) -> Layout:
    """The assignment, built into source/ and release/ at `root`, with nobody's work yet."""
    shutil.copytree(Path(__file__).parent / "assignment", root)
    layout = Layout(root)
    course = read_course(layout)
    build(layout, course, course.topics)
    return layout


def hand_in_honestly(layout: Layout, student: str) -> None:
    """A right answer to everything, with a secret in the written one."""
    notebook = _released(layout)
    for exercise in EXERCISES:
        find(notebook, exercise)["source"] = HONEST[exercise]
    find(notebook, "say-how")["source"] = SECRETS["neighbour"]
    _write(_folder(layout, student), nbformat.writes(notebook).encode())


def hand_in(layout: Layout, attack: Attack, places: Places) -> None:
    """What `attack` hands in."""
    notebook = _released(layout)
    for exercise in attack.solved:
        find(notebook, exercise)["source"] = HONEST[exercise]
    for cell, source in attack.cells.items():
        find(notebook, cell)["source"] = places.fill(source)
    if attack.first:
        notebook.cells.insert(0, new_code_cell(places.fill(attack.first)))
    if attack.last:
        notebook.cells.append(new_code_cell(places.fill(attack.last)))
    data = nbformat.writes(notebook).encode()
    folder = _folder(layout, attack.id)
    _write(folder, data if attack.make is None else attack.make(data))
    if attack.make_files is not None:
        attack.make_files(folder)


def find(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    """The cell of that id."""
    (found,) = (
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def secrets_in(text: str) -> list[str]:
    """Which secrets `text` gives away, in whatever colours."""
    text = _COLOUR.sub("", text)
    return [name for name, secret in SECRETS.items() if secret in text]


def shown(notebook: bytes) -> str:
    """The outputs of an executed notebook, and what else is not a cell's source."""
    try:
        content = json.loads(notebook)
        for cell in content["cells"]:
            cell.pop("source", None)
    except (ValueError, KeyError, TypeError):  # somebody has overwritten it
        return notebook.decode(errors="replace")
    return json.dumps(content, ensure_ascii=False)


def _released(layout: Layout) -> NotebookNode:
    path = layout.release / MODULE / f"{TOPIC}.ipynb"
    return copy.deepcopy(nbformat.read(path, as_version=4))


def _folder(layout: Layout, student: str) -> Path:
    folder = layout.submitted / student / MODULE
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text("2026-11-20 10:00:00 UTC\n", encoding="utf-8")
    return folder


def _write(folder: Path, notebook: bytes) -> None:
    (folder / f"{TOPIC}.ipynb").write_bytes(notebook)
