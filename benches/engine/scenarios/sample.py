"""The pipeline `sample` of this repository, whose stages are real ones, with nothing to do."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace

from bench import Bench
from measurements import Measurement, seconds
from graph import chain
from processes import Failed
from scenarios.scenario import Scenario
from tools import Tool

_FIRST_RUN = 3600
"""The most seconds that a run of the sample may take."""


def _measure(bench: Bench, tool: Tool) -> Iterator[Measurement]:
    file = bench.repository / "pipelines" / "sample.toml"
    stages = len(tomllib.loads(file.read_text())["stage"])
    column = SAMPLE.columns[0]
    if tool.name == "make":
        with bench.with_results(tool, chain(stages)) as project:
            yield seconds(tool.name, column, bench.no_op(project))
        return

    def run() -> float:
        return bench.processes.time([str(tool.program), "run", str(file)], bench.repository)

    # The first run trains models, if their results are not there.
    patient = replace(bench.processes, limit=_FIRST_RUN)
    patient.time([str(tool.program), "run", str(file)], bench.repository)
    for _ in range(3):
        run()
    bench.processes.time([str(tool.program), "plan", str(file)], bench.repository)
    if ", 0 to run" not in bench.processes.output.read_text():
        raise Failed("sample has something left to do after a run")
    yield seconds(tool.name, column, bench.repetition.of(run))


SAMPLE = Scenario(
    name="sample",
    title="The pipeline sample",
    about="`pipe run sample` with nothing to do, in the store of the repository, beside make on a chain as long.",
    columns=("no-op",),
    measure=_measure,
    tools=("make", "pipe"),
)
