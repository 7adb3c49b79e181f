"""ninja: a build statement a step. A parameter is in the command, which ninja compares."""

import shlex
from pathlib import Path

from graph import OUTPUTS, Graph
from tools.tool import Tool, write_if_different


class Ninja(Tool):
    name = "ninja"
    checks = "mtime, command"

    def write(self, project: Path, graph: Graph) -> None:
        lines = ["rule step", "  command = $arguments"]
        for step in graph.every_step():
            arguments = shlex.join(graph.command_in_place(step))
            lines.append(f"build {OUTPUTS}/{step.name}: step {' '.join(graph.needed_by(step))}")
            lines.append(f"  arguments = {arguments}")
        write_if_different(project / "build.ninja", "\n".join(lines) + "\n")

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), "--quiet", f"-j{jobs}"]
