"""A step that depends on a folder of ten thousand files."""

import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from bench import Bench, Project
from figures import Figure, seconds, steps
from graph import over_folder
from scenarios.scenario import Scenario
from tools import Tool

FILES = 10_000


def _measure(bench: Bench, tool: Tool) -> Iterator[Figure]:
    with bench.up_to_date(tool, over_folder(FILES)) as project:
        yield seconds(tool.name, "unchanged", bench.no_op(project))
        before, numbers = project.ran(), count(1)
        touched = bench.repetition.of(lambda: _touch_and_run(project, next(numbers)))
        yield seconds(tool.name, "one file touched", touched)
        yield steps(tool.name, "steps that ran in all of these", project.ran() - before)


def _touch_and_run(project: Project, number: int) -> float:
    file: Path = project.folder / project.graph.source_files()[number]
    os.utime(file)
    # A file younger than the clock of the file system is exact may be read again for safety; that is not asked here.
    time.sleep(0.05)
    return project.run()


FOLDER = Scenario(
    name="folder",
    title=f"A folder of {FILES:,} files",
    about="One step depends on the folder. Unchanged; then, before each run, another file gets a new time and keeps its content.",
    columns=("unchanged", "one file touched", "steps that ran in all of these"),
    measure=_measure,
)
