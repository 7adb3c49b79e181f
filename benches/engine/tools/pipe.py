"""pipe: a stage `uses = "command"` a step; a sweep is one stage at several points. Outputs are in its store, by content."""

import json
from pathlib import Path

from graph import SOURCE, Graph, Step
from tools.tool import Tool, write_if_different


class Pipe(Tool):
    name = "pipe"
    checks = "blake3 of content (kept by device, inode, size, mtime, ctime), command, parameters"

    def write(self, project: Path, graph: Graph) -> None:
        parts = [f'name = "{graph.name}"\n', *(_stage(graph, step, step.name) for step in graph.steps)]
        if graph.sweep:
            points = [f'    {{ name = "{step.name}", "leaf.keep" = {step.keep} }},\n' for step in graph.sweep]
            parts += [_stage(graph, graph.sweep[0], "leaf"), "\n[sweep]\npoints = [\n", *points, "]\n"]
        write_if_different(project / "graph.toml", "".join(parts))

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), "run", "graph.toml", "--store", "store", "-j", str(jobs)]


def _stage(graph: Graph, step: Step, name: str) -> str:
    if step.reads is None:
        needs = f'files = {{ source = "{SOURCE}" }}'
        source = "{files.source}" + graph.source_files()[0].removeprefix(SOURCE)
    else:
        needs = f'inputs = {{ source = "{step.reads}.kept" }}'
        source = "{inputs.source}/file"
    arguments = graph.command(name, source, "{outputs.kept}/file", "{parameters.keep}")
    return f"""
[stage.{name}]
uses = "command"
command = {json.dumps(arguments)}
{needs}
outputs = {{ kept = "text" }}
parameters = {{ keep = {step.keep} }}
"""
