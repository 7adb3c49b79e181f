"""Starting the program."""

from collections.abc import Iterator

from bench import Bench
from measurements import Measurement, seconds
from scenarios.scenario import Scenario
from tools import Tool


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    def start() -> float:
        return bench.processes.time([str(tool.program), "--version"], bench.folder)

    for _ in range(3):
        start()
    yield seconds(tool.name, "--version", bench.repetition.of(start))


STARTUP = Scenario(
    name="startup",
    title="Start-up",
    about="The program says its version.",
    columns=("--version",),
    measure=_measure,
)
