"""Peak memory by the number of files in a folder."""

from collections.abc import Iterator

from bench import Bench
from measurements import Measurement, memory
from graph import over_folder
from scenarios.scenario import Scenario
from tools import Tool

COUNTS = (1_000, 10_000, 50_000)


def column(files: int, run: str) -> str:
    return f"{files:,} files, {run} run"


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    for files in COUNTS:
        with bench.project(tool, over_folder(files)) as project:
            yield memory(tool.name, column(files, "first"), [project.peak_memory()])
            project.run()
            yield memory(tool.name, column(files, "later"), [max(project.peak_memory() for _ in range(3))])


MEMORY = Scenario(
    name="memory",
    title="Peak memory by files in a folder",
    about="One step depends on the folder. The first run hashes every file, a later one finds them as they were.",
    columns=tuple(column(files, run) for run in ("first", "later") for files in COUNTS),
    measure=_measure,
    tools=("pipe",),
)
