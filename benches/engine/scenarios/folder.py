"""A step that depends on a folder of ten thousand files."""

import os
from collections.abc import Iterator

from bench import Bench
from measurements import Measurement, seconds, steps
from graph import over_folder
from scenarios.scenario import Scenario
from tools import Tool

FILES = 10_000


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    with bench.with_results(tool, over_folder(FILES)) as project:
        yield seconds(tool.name, "nothing to do", bench.no_op(project))
        others = iter(project.graph.source_files()[1:])
        taken, ran = project.repeat(bench.repetition, lambda: os.utime(project.folder / next(others)))
        yield seconds(tool.name, "one file touched", taken)
        yield steps(tool.name, "steps that ran", ran)


FOLDER = Scenario(
    name="folder",
    title=f"A folder of {FILES:,} files",
    about="One step depends on the folder. Unchanged; then, before each run, one file gets a new time only.",
    columns=("nothing to do", "one file touched", "steps that ran"),
    measure=_measure,
)
