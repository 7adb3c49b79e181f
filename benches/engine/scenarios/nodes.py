"""Ten thousand steps with nothing to do."""

from collections.abc import Iterator

from bench import Bench
from measurements import Measurement, memory, seconds
from graph import fan
from scenarios.scenario import Scenario
from tools import Tool

_STEPS = 10_000


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    with bench.with_results(tool, fan(_STEPS - 1)) as project:
        yield seconds(tool.name, "no-op", bench.no_op(project))
        yield memory(tool.name, "peak memory", [max(project.peak_memory() for _ in range(3))])


NODES = Scenario(
    name="nodes",
    title=f"{_STEPS:,} steps",
    about=f"1 step and {_STEPS - 1:,} that read it; nothing to do. No measurement where the first run is over the limit.",
    columns=("no-op", "peak memory"),
    measure=_measure,
)
