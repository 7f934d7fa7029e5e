"""Try every check again and again on a machine that is kept busy: no verdict may change.

Usage: .venv/bin/python benchmarks/steady.py [--runs 50] [--first 0] [--busy 4] [NAME...]

Each run gives every solution, alternative and wrong answer of the topics, or exercises, that are
named to the runner under seeds of its own (hashes, `random`, numpy), while `--busy` processes keep
the processors from it. Prints a Markdown table, and each verdict that was another one than
promised; exit code 1 if there was any.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager

from rich.progress import track

from onsite.course.layout import find_layout
from onsite.course.model import Exercise, Topic
from onsite.course.reader import read_course
from onsite.grading.prove import Failure, Laboratory, full_points, laboratory, refused


def verdicts(
    topic: Topic, exercises: Iterable[Exercise], lab: Laboratory
) -> tuple[int, list[Failure]]:
    """How many answers to exercises were tried, and the verdicts that are not as promised."""
    right, wrong = [], []
    for exercise in exercises:
        answers = [(exercise.solution, "the solution")]
        answers += [(each.cell, f"the alternative {each.idea!r}") for each in exercise.alternatives]
        right += [(*each, lab.try_out(topic, exercise, each[0].source)) for each in answers]
        wrong += [
            (answer, lab.try_out(topic, exercise, answer.cell.source)) for answer in exercise.wrong
        ]
    failures = [
        failure
        for cell, name, trial in right
        for failure in full_points(cell, name, trial.result())
    ]
    for answer, trial in wrong:
        failures += refused(answer.cell, answer.idea, answer.expect, trial.result())
    return len(right) + len(wrong), failures


def named(topic: Topic, names: Collection[str]) -> list[Exercise]:
    """The exercises of a topic that are meant: all, if none is named or the topic is."""
    every = not names or topic.id in names
    return [exercise for exercise in topic.exercises if every or exercise.id in names]


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that never rest, for a while."""
    with ExitStack() as stack:
        for _ in range(processes):
            spinning = stack.enter_context(subprocess.Popen([sys.executable, "-c", SPIN]))
            stack.callback(spinning.kill)
        yield


# Ends with its parent, however that ends.
SPIN = "import os; here = os.getppid()\nwhile os.getppid() == here: sum(range(100_000))"


def main() -> None:
    """Try, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="the first run's number, its seed")
    parser.add_argument("--busy", type=int, default=4, help="processes that compete")
    parser.add_argument("names", nargs="*", help="topics or exercises; all, if none")
    options = parser.parse_args()
    course = read_course(find_layout()).topics
    known = {topic.id for topic in course}
    known |= {exercise.id for topic in course for exercise in topic.exercises}
    if unknown := set(options.names) - known:
        parser.error(f"no topic and no exercise is called {', '.join(sorted(unknown))}")
    wanted = [(topic, exercises) for topic in course if (exercises := named(topic, options.names))]
    tried, loads = Counter[str](), []
    found: list[tuple[int, Topic, Failure]] = []
    with busy(options.busy):
        for run in track(range(options.first, options.first + options.runs), "trying"):
            with laboratory([topic for topic, _ in wanted], seed=run) as lab:
                for topic, exercises in wanted:
                    count, failures = verdicts(topic, exercises, lab)
                    tried[topic.id] += count
                    found += [(run, topic, failure) for failure in failures]
            loads.append(os.getloadavg()[0])
    print(f"{options.runs} runs, load {min(loads):.1f} to {max(loads):.1f}\n")
    print("| topic | verdicts | not as promised |\n|---|---|---|")
    for topic, _ in wanted:
        bad = sum(other is topic for _, other, _ in found)
        print(f"| {topic.id} | {tried[topic.id]:,} | {bad} |")
    for run, topic, failure in found:
        print(f"\n{topic.path}:{failure.line}: run {run}: {failure.what}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
