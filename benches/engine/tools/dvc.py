"""DVC: a stage a step; a sweep is its `foreach` over parameters. It runs one stage at a time."""

import json
import shlex
from pathlib import Path

from graph import OUTPUTS, SOURCE, Graph, Step
from tools.tool import Tool, write_if_different

Stage = dict[str, object]


class Dvc(Tool):
    name = "dvc"
    checks = "md5 of content (kept by inode, mtime, size), command"
    parallel = False

    def start(self, project: Path) -> list[list[str]]:
        dvc = str(self.program)
        settings = [("core.analytics", "false"), ("core.check_update", "false")]
        return [
            ["git", "init", "--quiet"],
            [dvc, "init", "--quiet"],
            *([dvc, "config", "--quiet", name, value] for name, value in settings),
        ]

    def write(self, project: Path, graph: Graph) -> None:
        stages: dict[str, Stage] = {step.name: _stage(graph, step) for step in graph.steps}
        if graph.sweep:
            stages["sweep"] = {"foreach": "${sweep}", "do": _each(graph, graph.sweep[0])}
        # JSON is YAML too.
        write_if_different(project / "dvc.yaml", json.dumps({"stages": stages}, indent=1))
        parameters = {"sweep": {step.name: step.keep for step in graph.sweep}}
        write_if_different(project / "params.yaml", json.dumps(parameters, indent=1))
        (project / OUTPUTS).mkdir(exist_ok=True)

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), "repro", "--quiet"]


def _stage(graph: Graph, step: Step) -> Stage:
    needs = SOURCE if step.reads is None else graph.read_by(step)
    return {"cmd": shlex.join(graph.command_in_place(step)), "deps": [needs], "outs": [f"{OUTPUTS}/{step.name}"]}


def _each(graph: Graph, one: Step) -> Stage:
    """The stage of every step of the sweep, of which `one` is any."""
    target = f"{OUTPUTS}/${{key}}"
    arguments = graph.command("${key}", graph.read_by(one), target, "${item}")
    return {"cmd": " ".join(arguments), "deps": [graph.read_by(one)], "outs": [target]}
