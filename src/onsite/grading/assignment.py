"""What a grader has to know of a module, as bytes that can go to another machine.

It is made once from source/ where that is, so that a grader needs no course beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from onsite.course.layout import Layout
from onsite.course.syllabus import read_syllabus
from onsite.errors import OnsiteError, sentence, suggestion
from onsite.grading.restore import master

#: Goes up whenever the same notebook may earn other points than before.
RULES = 3


@dataclass(frozen=True, slots=True)
class Assignment:
    """One module.

    `masters` are its notebooks by topic, as `restore.master` makes them. `references` are the same
    notebooks of source/ as they are, with the course's own solutions: whoever grades runs them
    first. `services` is what the notebooks start, by the syllabus. `digest` names all of that, and
    the rules of grading: what was graded under the same digest need not be graded again.
    """

    module: str
    masters: Mapping[str, NotebookNode]
    references: Mapping[str, bytes]
    services: tuple[str, ...]
    digest: str

    def to_bytes(self) -> bytes:
        """All of it as JSON."""
        return json.dumps(
            {
                "module": self.module,
                "masters": self.masters,
                "references": {topic: data.decode() for topic, data in self.references.items()},
                "services": self.services,
                "digest": self.digest,
            }
        ).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Assignment:
        """The assignment that `to_bytes` wrote."""
        content = json.loads(data)
        return cls(
            content["module"],
            {topic: nbformat.from_dict(each) for topic, each in content["masters"].items()},
            {topic: text.encode() for topic, text in content["references"].items()},
            tuple(content["services"]),
            content["digest"],
        )


def module_folder(layout: Layout, module: str) -> Path:
    """Where a module of source/ is.

    Raises:
        OnsiteError: source/ does not have it.
    """
    known = sorted(path.name for path in layout.source.glob("*") if path.is_dir())
    if module not in known:
        raise OnsiteError(sentence(f"source/ has no module {module!r}{suggestion(module, known)}"))
    return layout.source / module


def read_assignment(layout: Layout, module: str) -> Assignment:
    """Read a module of source/.

    Raises:
        OnsiteError: source/ does not have the module.
    """
    folder = module_folder(layout, module)
    references = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.ipynb"))}
    if not references:
        raise OnsiteError(f"{folder} has no notebooks; make them by ./onsite build {module}.")
    services = sorted(
        {
            service
            for each in read_syllabus(layout.syllabus)
            if each.id == module
            for topic in each.topics
            for service in topic.services
        }
    )
    digest = blake2b(repr((RULES, module, services)).encode(), digest_size=16)
    for topic, data in references.items():
        digest.update(repr((topic, len(data))).encode() + data)
    return Assignment(
        module,
        {topic: _master(folder / f"{topic}.ipynb", data) for topic, data in references.items()},
        references,
        tuple(services),
        digest.hexdigest(),
    )


def _master(path: Path, data: bytes) -> NotebookNode:
    try:
        return master(data)
    except Exception as error:  # of nbformat's and nbgrader's there are many
        why = (str(error) or repr(error)).splitlines()[0]
        raise OnsiteError(
            f"{path} is no notebook of an assignment ({why}); make it again by ./onsite build "
            f"{path.parent.name}."
        ) from error


def assignment_bytes(layout: Layout, module: str) -> bytes:
    """What `Grader` takes: a module of source/.

    Raises:
        OnsiteError: source/ does not have the module.
    """
    return read_assignment(layout, module).to_bytes()
