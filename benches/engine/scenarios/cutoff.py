"""Early cutoff: a change that leaves the output of the first step of seven as it was."""

from collections.abc import Iterator

from bench import Bench, settle
from measurements import Measurement, seconds, steps
from graph import SOURCE, chain
from scenarios.scenario import Scenario
from tools import Tool


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    with bench.with_results(tool, chain(7)) as project:
        project.run()
        settle()
        with (project.folder / SOURCE).open("a") as source:
            source.write("The first step does not read as far as here.\n")
        settle()
        before, taken = project.ran(), project.run()
        yield steps(tool.name, "steps that ran", project.ran() - before)
        yield seconds(tool.name, "time", [taken])


CUTOFF = Scenario(
    name="cutoff",
    title="Early cutoff",
    about="A chain of 7 steps. A line is added to the source, after what the first step keeps: its output stays equal.",
    columns=("steps that ran", "time"),
    measure=_measure,
)
