"""What a tool adds to each step that runs."""

import shlex
import statistics
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench import JOBS, Bench
from measurements import Measurement, seconds
from graph import OUTPUTS, write_source
from scenarios.scenario import Scenario
from scenarios.sweep import GRAPH, cold_runs
from tools import Tool


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    bound, count = statistics.median(_loop_runs(bench)), len(GRAPH.every_step())
    for jobs in (1, JOBS) if tool.parallel else (1,):
        cold = statistics.median(cold_runs(bench, tool, jobs))
        yield seconds(tool.name, f"a step more, -j{jobs}", [(cold - bound) / count])


def _loop(bench: Bench) -> Iterator[Measurement]:
    yield seconds("shell loop", "all steps", _loop_runs(bench))


@cache
def _loop_runs(bench: Bench) -> list[float]:
    """The seconds in which a shell runs the same commands, one after the other. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="loop-", dir=bench.folder) as name:
        folder = Path(name)
        write_source(folder, GRAPH)
        (folder / OUTPUTS).mkdir()
        commands = (shlex.join(GRAPH.command_in_place(step)) for step in GRAPH.every_step())
        (folder / "loop.sh").write_text("set -e\n" + "\n".join(commands) + "\n")
        return bench.repetition.of(lambda: bench.processes.time(["sh", "loop.sh"], folder))


OVERHEAD = Scenario(
    name="overhead",
    title="What a tool adds to each step that runs",
    about=f"The first run of the sweep, less the time in which a shell runs the same {len(GRAPH.every_step())} "
    f"commands one after the other, divided by their number. With {JOBS} jobs a tool can win some of that back.",
    columns=("all steps", "a step more, -j1", f"a step more, -j{JOBS}"),
    measure=_measure,
    others=_loop,
)
