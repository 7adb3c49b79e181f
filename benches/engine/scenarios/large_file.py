"""A large file: hashed for the first time, and known."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench import Bench
from measurements import Measurement, seconds
from graph import over_one_file
from scenarios.scenario import Scenario
from tools import Tool

_BLOCK = 8 * 2**20


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    source, graph = _large_file(bench), over_one_file()
    yield seconds(tool.name, "first run", bench.first_runs(tool, graph, source=source))
    with bench.with_results(tool, graph, source) as project:
        yield seconds(tool.name, "second run", bench.no_op(project))


def _b3sum(bench: Bench) -> Iterator[Measurement]:
    if bench.b3sum is None:
        return
    command = [str(bench.b3sum), str(_large_file(bench))]
    bench.processes.time(command, bench.folder)
    taken = bench.repetition.of(lambda: bench.processes.time(command, bench.folder))
    yield seconds("b3sum", "first run", taken)


@cache
def _large_file(bench: Bench) -> Path:
    """The file, made when it is first asked for and in the page cache from then on."""
    large, block = bench.folder / "large", os.urandom(_BLOCK)
    with large.open("wb") as file:
        for start in range(0, bench.large_bytes, _BLOCK):
            file.write(block[: bench.large_bytes - start])
        # Written back now, so that it does not go on while others are timed.
        os.fsync(file.fileno())
    return large


LARGE_FILE = Scenario(
    name="large-file",
    title="One large file",
    about="One step depends on the file, which is in memory already, and reads its first bytes. The first run of a new "
    "project, and a run after it; `b3sum`, with its default settings, is the lower bound of what hashes all of it.",
    columns=("first run", "second run"),
    measure=_measure,
    others=_b3sum,
)
