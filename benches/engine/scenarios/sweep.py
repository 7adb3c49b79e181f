"""A sweep: one step, and a hundred that read it and differ in a parameter."""

from collections.abc import Iterator
from functools import cache
from itertools import count

from bench import JOBS, Bench
from measurements import Measurement, seconds, steps
from graph import fan
from scenarios.scenario import Scenario
from tools import Tool

LEAVES = 100
GRAPH = fan(LEAVES)


@cache
def cold_runs(bench: Bench, tool: Tool, jobs: int) -> list[float]:
    """The seconds of first runs, each in a new project; measured once. Raises Failed."""
    return bench.first_runs(tool, GRAPH, jobs)


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    yield seconds(tool.name, "cold", cold_runs(bench, tool, JOBS if tool.parallel else 1))
    with bench.with_results(tool, GRAPH) as project:
        yield seconds(tool.name, "no-op", bench.no_op(project))

        # A value that never was: engines that keep old results would only look an old one up.
        fresh = count(LEAVES + 1)
        taken, ran = project.repeat(bench.repetition, lambda: project.change(GRAPH.changed("leaf50", next(fresh))))
        yield seconds(tool.name, "one parameter changed", taken)
        yield steps(tool.name, "steps that ran", ran)


SWEEP = Scenario(
    name="sweep",
    title=f"A sweep of 1 + {LEAVES} steps",
    about=f"{JOBS} jobs where the tool has jobs. Cold: the first run of a new project, with the tool's commit to "
    "disk. Then nothing to do; then one parameter of one step set to a value that never was.",
    columns=("cold", "no-op", "one parameter changed", "steps that ran"),
    measure=_measure,
)
