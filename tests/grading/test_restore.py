from __future__ import annotations

import copy
import json
import time
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from onsite.grading.restore import (
    SubmissionError,
    demos,
    left_out,
    magics,
    master,
    read_submission,
    restore,
)

#: Cells of older formats.
CODE = {"cell_type": "code", "input": "x = 1", "language": "python", "outputs": [], "metadata": {}}
TEXT = {"cell_type": "text", "text": "old"}
HTML = {"cell_type": "html", "source": "<b>", "metadata": {}}
HEADING = {"cell_type": "heading", "level": 2, "source": "a\nb", "metadata": {}}
RAW = {"cell_type": "raw", "source": "raw", "metadata": {}}


def graded(grade_id: str, source: str, **more: Any) -> NotebookNode:
    meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return new_code_cell(source, metadata={"nbgrader": {**meta, "grade_id": grade_id, **more}})


@pytest.fixture
def source() -> NotebookNode:
    return new_notebook(
        cells=[
            new_markdown_cell("# Title"),
            graded("setup", "import math", locked=True),
            new_code_cell("print('demo')", metadata={"onsite": {"role": "demo", "name": "d"}}),
            graded(
                "double",
                "def double(n):\n    ### BEGIN SOLUTION\n    return 2 * n\n    ### END SOLUTION",
                solution=True,
            ),
            graded(
                "double-check-1",
                "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(3) == 6\n"
                "### END HIDDEN TESTS",
                grade=True,
                locked=True,
                points=3,
            ),
        ]
    )


@pytest.fixture
def original(source: NotebookNode) -> NotebookNode:
    return master(nbformat.writes(source).encode())


def ids(notebook: NotebookNode) -> list[str]:
    return [cell.metadata.get("nbgrader", {}).get("grade_id", "-") for cell in notebook.cells]


def restored_from(submitted: NotebookNode, original: NotebookNode) -> NotebookNode:
    restored = restore(read_submission(nbformat.writes(submitted).encode()), original)
    return nbformat.from_dict(json.loads(restored.to_bytes()))


def test_a_master_has_hidden_tests_but_no_solution(original: NotebookNode) -> None:
    text = nbformat.writes(original)
    assert "double(3) == 6" in text
    assert "return 2 * n" not in text
    assert original.cells[3].metadata.nbgrader["checksum"]


def test_locked_text_points_and_tags_come_from_source(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells[3].source = "def double(n): return n + n"
    check = submitted.cells[4]
    check.source = "assert True"
    check.metadata.nbgrader.update(points=100, locked=False, solution=True)
    check.metadata["tags"] = ["raises-exception"]
    restored = restored_from(submitted, original)
    assert restored.cells[3].source == "def double(n): return n + n"
    assert restored.cells[4].source == original.cells[4].source
    assert restored.cells[4].metadata == original.cells[4].metadata


def test_types_come_from_source(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells[4]["cell_type"] = "markdown"
    del submitted.cells[4]["outputs"], submitted.cells[4]["execution_count"]
    restored = restored_from(submitted, original)
    assert restored.cells[4].cell_type == "code"
    assert restored.cells[4].outputs == []
    nbformat.validate(restored)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([0, 3, 4], ["setup", "-", "double", "double-check-1"]),
        ([0, 1, 3], ["-", "setup", "double", "double-check-1"]),
        ([0], ["setup", "double", "double-check-1", "-"]),
        ([], ["setup", "double", "double-check-1"]),
        ([4, 0], ["setup", "double", "double-check-1", "-"]),
    ],
)
def test_missing_cells_come_back_in_their_place(
    original: NotebookNode, kept: list[int], expected: list[str]
) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells = [submitted.cells[index] for index in kept]
    restored = restored_from(submitted, original)
    assert ids(restored) == expected
    nbformat.validate(restored)


def test_the_first_of_two_copies_counts(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells[3].source = "first"
    second = copy.deepcopy(submitted.cells[3])
    second.source = "second"
    submitted.cells.append(second)
    restored = restored_from(submitted, original)
    assert ids(restored) == ["-", "setup", "-", "double", "double-check-1", "-"]
    assert [restored.cells[3].source, restored.cells[5].source] == ["first", "second"]
    assert len({cell.id for cell in restored.cells}) == len(restored.cells)


def test_extra_and_reordered_cells_stay_as_the_student_has_them(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells = submitted.cells[::-1]
    submitted.cells.insert(0, new_code_cell("helper = 1"))
    submitted.cells.insert(0, graded("invented", "assert True", grade=True, points=50))
    restored = restored_from(submitted, original)
    assert ids(restored) == ["-", "-", "double-check-1", "double", "-", "setup", "-"]
    assert "nbgrader" not in restored.cells[0].metadata


def test_the_rubric_is_the_instructors(source: NotebookNode) -> None:
    answer = new_markdown_cell("Mine.", metadata=graded("say", "", solution=True).metadata)
    answer.metadata.nbgrader.update(grade=True, points=2)
    rubric = new_markdown_cell("Be strict.", metadata={"onsite": {"role": "rubric", "name": "say"}})
    source.cells += [answer, rubric]
    original = master(nbformat.writes(source).encode())

    def texts(notebook: NotebookNode) -> list[str]:
        return [cell.source for cell in restored_from(notebook, original).cells[-2:]]

    untouched = copy.deepcopy(source)
    altered = copy.deepcopy(source)
    altered.cells[-1]["source"] = "Full points for all."
    moved = copy.deepcopy(altered)
    moved.cells.insert(0, moved.cells.pop())
    without = copy.deepcopy(source)
    without.cells.pop()
    for submitted in (untouched, altered, moved, without):
        assert texts(submitted) == ["Mine.", "Be strict."]
        assert "Full points" not in nbformat.writes(restored_from(submitted, original))


def test_a_cell_of_empty_lines_takes_no_time(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells.append(new_code_cell("\n" * 100_000))
    restored = restore(read_submission(nbformat.writes(submitted).encode()), original)
    started = time.process_time()
    assert left_out(restored) == {2}
    assert time.process_time() - started < 1


def test_demos_and_magics_are_told_from_the_rest(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    for name in ("load", "double"):
        submitted.cells.append(
            new_code_cell("%magic", metadata={"onsite": {"role": "magic", "name": name}})
        )
    # A check that calls itself a demo is run all the same.
    submitted.cells[4].metadata["onsite"] = {"role": "demo", "name": "not me"}
    restored = restore(read_submission(nbformat.writes(submitted).encode()), original)
    assert demos(restored) == {2}
    assert magics(restored) == {6}
    # Whoever has a magic may have one of the course's.
    assert left_out(restored) == {2, 5, 6}
    for source in ("1\n  %time f()", "!ls", "get_ipython().magic('check double')"):
        submitted.cells.append(new_code_cell(source))
        with_magic = restore(read_submission(nbformat.writes(submitted).encode()), original)
        assert left_out(with_magic) == {2, 6}
        submitted.cells.pop()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a Jupyter notebook"),
        (b"null", "not a Jupyter notebook"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"cells": []}', "not a Jupyter notebook"),
        (b'{"nbformat": 5, "cells": []}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "cells": {}}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "x", "source": ""}]}', "not a Jupyter notebook"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}', "not a Jupyter"),
        (b"[" * 200_000, "nested too deeply"),
        (b" " * (20 * 2**20 + 1), "larger than 20 MB"),
        (
            json.dumps(
                {"nbformat": 4, "cells": [{"cell_type": "code", "source": ""}] * 2001}
            ).encode(),
            "more than 2000 cells",
        ),
    ],
)
def test_what_cannot_be_read(data: bytes, message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        read_submission(data)


@pytest.mark.parametrize(
    "old",
    [
        {"nbformat": 3, "worksheets": [{"cells": [CODE] * 1_000}, {"cells": [CODE] * 1_001}]},
        {"nbformat": 1, "cells": [CODE] * 2_001, "worksheets": []},
    ],
)
def test_too_many_cells_of_an_old_notebook(old: dict[str, object]) -> None:
    with pytest.raises(SubmissionError, match="more than 2000 cells"):
        read_submission(json.dumps(old).encode())


@pytest.mark.parametrize(
    "old",
    [
        {"nbformat": 1, "cells": [{"cell_type": "code", "code": "1"}, TEXT]},
        {"nbformat": 2, "metadata": {}, "worksheets": [{"cells": [CODE]}, {"cells": [HTML]}]},
        {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [CODE, HTML, HEADING, RAW]}]},
    ],
)
def test_old_notebooks_are_read_as_nbformat_reads_them(old: dict[str, object]) -> None:
    new = nbformat.convert(nbformat.from_dict(copy.deepcopy(old)), 4)
    assert [(cell["cell_type"], cell["source"]) for cell in new["cells"]] == [
        (cell["cell_type"], cell["source"]) for cell in read_submission(json.dumps(old).encode())
    ]


def test_outputs_of_old_notebooks_are_not_looked_at() -> None:
    cell = {**CODE, "outputs": [{}] * 300_000}
    old = {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]}
    data = json.dumps(old).encode()
    started = time.process_time()
    assert [cell["source"] for cell in read_submission(data)] == ["x = 1"]
    assert time.process_time() - started < 2


def test_older_and_odd_notebooks_are_read() -> None:
    old = nbformat.v3.new_notebook(
        worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell(input="x = 1")])]
    )
    assert read_submission(json.dumps(old).encode())[0]["source"] == "x = 1"
    with_mark = b"\xef\xbb\xbf" + b'{"nbformat": 4, "cells": []}'
    assert read_submission(with_mark) == []
    cells = [
        {"cell_type": "code", "source": ["a\n", "b"], "id": "same", "metadata": None},
        {"cell_type": "code", "source": "c", "id": "same", "outputs": "broken"},
        {"cell_type": "raw", "source": "\ud800", "id": "no good!"},
    ]
    read = read_submission(json.dumps({"nbformat": 4, "cells": cells}).encode())
    assert [cell["source"] for cell in read] == ["a\nb", "c", "?"]
    restored = restore(read, {"cells": [], "metadata": {}})
    nbformat.validate(nbformat.from_dict(json.loads(restored.to_bytes())))
    assert len({cell["id"] for cell in restored.cells}) == 3


def test_ids_that_look_like_ours() -> None:
    cells = [
        {"cell_type": "markdown", "source": "", "id": name}
        for name in ("a", "a", "restored-0", "restored-1", "a", "restored-0")
    ]
    read = read_submission(json.dumps({"nbformat": 4, "cells": cells}).encode())
    restored = restore(read, {"cells": [], "metadata": {}})
    assert len({cell["id"] for cell in restored.cells}) == 6


def test_unhashable_grade_ids_are_nobodys(original: NotebookNode) -> None:
    submitted = copy.deepcopy(original)
    submitted.cells[1].metadata.nbgrader["grade_id"] = ["setup"]
    restored = restored_from(submitted, original)
    assert ids(restored)[:2] == ["setup", "-"]
