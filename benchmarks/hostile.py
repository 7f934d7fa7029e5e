"""Every hostile submission against this grader, and against stock nbgrader beside it.

Usage: .venv/bin/python benchmarks/hostile.py [--stock] [--only TEXT ...] [--jobs N]

Each is graded by itself between two honest submissions, so that what happens is its doing. Prints
a Markdown table: points earned, what was read, what was left, whether others were disturbed. Both
graders run in tests/hostile/arena.py's room; stock nbgrader has the configuration that it comes
with. Exit code 1 when something is not as the corpus expects it, on either side.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.hostile import batch
from tests.hostile.corpus import HARMS, Attack, attacks
from tests.hostile.watch import Verdict

SECONDS = 90.0
#: Stock nbgrader's tracebacks show the check's first lines to everybody, so that is no theft.
SHOWN_TO_ALL = {"course"}


def harms(attack: Attack, verdict: Verdict) -> list[str]:
    """What an attack has achieved, in the corpus's words."""
    student = verdict.students[attack.id]
    due, got = attack.earns, student.points
    found = {
        # Right answers that we refuse to read are no harm where somebody reads them.
        "earns": bool(got) and (not attack.solved if due is None else got > due),
        "reads": bool(set(student.read) - SHOWN_TO_ALL),
        "leaves": bool(verdict.left),
        "disturbs": bool(verdict.disturbed),
        "loses": got == 0 if due is None else due > 0 and (got is None or got < due),
    }
    return [harm for harm in HARMS if found[harm]]


def column(attack: Attack, verdict: Verdict) -> str:
    """One side of the table's row."""
    student = verdict.students[attack.id]
    points = "not graded" if student.points is None else f"{student.points:g}"
    read = ", ".join(sorted(set(student.read) - SHOWN_TO_ALL)) or "-"
    left = "; ".join(each.split("/tmp/")[-1][:40] for each in verdict.left[:2]) or "-"  # noqa: S108
    disturbed = "; ".join(each[:60] for each in verdict.disturbed[:1]) or "-"
    told = "yes" if student.suspicions else "-"
    return " | ".join(
        text.replace("|", "/").replace("\n", " ") for text in (points, read, left, disturbed, told)
    )


def complaints(attack: Attack, ours: Verdict, stock: Verdict | None) -> list[str]:
    """What is not as the file says."""
    student = ours.students[attack.id]
    found = []
    if student.points != attack.earns:
        found.append(f"earns {student.points} instead of {attack.earns}")
    if student.read:
        found.append(f"reads {student.read}")
    if attack.reported is not None and attack.reported != bool(student.suspicions):
        found.append("is not reported" if attack.reported else "is reported")
    found += [f"leaves {each}" for each in ours.left]
    found += [f"disturbs: {each}" for each in ours.disturbed]
    if stock is not None:
        seen = harms(attack, stock)
        if attack.stock in HARMS and attack.stock not in seen:
            found.append(f"does not do to stock nbgrader what it says: {attack.stock}, but {seen}")
        if attack.stock not in HARMS and seen:
            found.append(f"does to stock nbgrader what it does not say: {seen}")
    return found


def main() -> int:
    """Run them all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--stock", action="store_true", help="stock nbgrader, too")
    parser.add_argument("--only", nargs="*", default=[""], help="texts in the names")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    options = parser.parse_args()
    wanted = [attack for attack in attacks() if any(text in attack.id for text in options.only)]
    with tempfile.TemporaryDirectory() as folder:
        course = batch.prepare(Path(folder, "course"))
    cells = "points | read | left | others disturbed | reported"
    heads = " | ".join(f"{name}: {cells}" for name in ("ours", "stock")[: 1 + options.stock])
    print(f"| attack | due | {heads} |")
    print("|" + "---|" * (2 + 5 * (1 + options.stock)))
    problems: list[str] = []

    def one(attack: Attack) -> tuple[Verdict, Verdict | None]:
        grade = partial(batch.grade, course, attacks=[attack], seconds=SECONDS)
        return grade("onsite"), grade("stock") if options.stock else None

    with ThreadPoolExecutor(options.jobs) as pool:
        for attack, (ours, stock) in zip(wanted, pool.map(one, wanted), strict=True):
            sides = [column(attack, each) for each in (ours, stock) if each is not None]
            due = "not graded" if attack.earns is None else f"{attack.earns:g}"
            print(f"| {attack.id} | {due} | {' | '.join(sides)} |", flush=True)
            problems += [f"{attack.id} {each}" for each in complaints(attack, ours, stock)]
    print(f"\n{len(wanted)} submissions, {len(problems)} not as expected.")
    for problem in problems:
        print(f"- {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
