"""A chain of seven steps with nothing to do."""

from collections.abc import Iterator

from bench import Bench
from measurements import Measurement, seconds
from graph import chain
from scenarios.scenario import Scenario
from tools import Tool


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    with bench.with_results(tool, chain(7)) as project:
        yield seconds(tool.name, "no-op", bench.no_op(project))


CHAIN = Scenario(
    name="chain",
    title="A chain of 7 steps",
    about="Nothing to do.",
    columns=("no-op",),
    measure=_measure,
)
