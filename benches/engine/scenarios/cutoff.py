"""Early cutoff: a change that leaves the output of the first step of seven as it was."""

import time
from collections.abc import Iterator

from bench import Bench
from figures import Figure, seconds, steps
from graph import SOURCE, chain
from scenarios.scenario import Scenario
from tools import Tool


def _measure(bench: Bench, tool: Tool) -> Iterator[Figure]:
    with bench.up_to_date(tool, chain(7)) as project:
        project.run()
        # Later than the outputs by more than the clock of any file system is coarse.
        time.sleep(0.05)
        with (project.folder / SOURCE).open("a") as source:
            source.write("The first step does not read as far as here.\n")
        before, taken = project.ran(), project.run()
        yield steps(tool.name, "steps that ran", project.ran() - before)
        yield seconds(tool.name, "time", [taken])


CUTOFF = Scenario(
    name="cutoff",
    title="Early cutoff",
    about="A chain of 7 steps. A line is added to the source after what the first step keeps, so its output comes out equal.",
    columns=("steps that ran", "time"),
    measure=_measure,
)
