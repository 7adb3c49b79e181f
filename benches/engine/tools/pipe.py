"""pipe: a stage `uses = "command"` a step. Outputs are in its store, by content."""

import json
from pathlib import Path

from graph import SOURCE, Graph, Step
from tools.tool import Tool, write_if_different


class Pipe(Tool):
    name = "pipe"
    checks = "blake3 of content (kept by device, inode, size, mtime, ctime), command, parameters"

    def write(self, project: Path, graph: Graph) -> None:
        stages = [_stage(graph, step) for step in graph.every_step()]
        write_if_different(project / "graph.toml", f'name = "{graph.name}"\n' + "".join(stages))

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), "run", "graph.toml", "--store", "store", "-j", str(jobs)]


def _stage(graph: Graph, step: Step) -> str:
    if step.reads is None:
        needs = f'files = {{ source = "{SOURCE}" }}'
        source = "{files.source}" + graph.source_files()[0].removeprefix(SOURCE)
    else:
        needs = f'inputs = {{ source = "{step.reads}.kept" }}'
        source = "{inputs.source}/file"
    words = graph.command(step.name, source, "{outputs.kept}/file", "{parameters.keep}")
    return f"""
[stage.{step.name}]
uses = "command"
command = {json.dumps(words)}
{needs}
outputs = {{ kept = "text" }}
parameters = {{ keep = {step.keep} }}
"""
