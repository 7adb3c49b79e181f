"""GNU make: a rule a step. A parameter is a file, because make does not see that a command has changed."""

import shlex
from pathlib import Path

from graph import OUTPUTS, Graph
from tools.tool import Tool, write_if_different


class Make(Tool):
    name = "make"
    checks = "mtime"

    def write(self, project: Path, graph: Graph) -> None:
        targets = [f"{OUTPUTS}/{step.name}" for step in graph.every_step()]
        lines = ["MAKEFLAGS += --no-builtin-rules", ".SUFFIXES:", "all: " + " ".join(targets)]
        for step, target in zip(graph.every_step(), targets, strict=True):
            parameter = f"parameters/{step.name}"
            write_if_different(project / parameter, str(step.keep))
            arguments = graph.command(step.name, graph.read_by(step), target, "KEEP")
            command = shlex.join(arguments).replace("KEEP", f"$(file <{parameter})")
            lines += [f"{target}: {' '.join(graph.needed_by(step))} {parameter}", f"\t{command}"]
        (project / OUTPUTS).mkdir(exist_ok=True)
        write_if_different(project / "Makefile", "\n".join(lines) + "\n")

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), "--silent", f"-j{jobs}"]
