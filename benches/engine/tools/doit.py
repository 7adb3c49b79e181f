"""doit: a task a step, made by a loop over the graph, which is data beside the dodo.py."""

import json
from pathlib import Path

from graph import OUTPUTS, Graph
from tools.tool import Tool, write_if_different

_DODO = """\
import json
from doit.tools import config_changed

DOIT_CONFIG = {"verbosity": 0, "reporter": "zero"}

with open("steps.json") as file:
    STEPS = json.load(file)

def task_step():
    for step in STEPS:
        yield {
            "name": step["name"],
            "actions": [step["command"]],
            "file_dep": step["needs"],
            "targets": [step["target"]],
            "uptodate": [config_changed(str(step["keep"]))],
        }
"""


class Doit(Tool):
    name = "doit"
    checks = "md5 of content (when the mtime is new), parameters"

    def write(self, project: Path, graph: Graph) -> None:
        steps = [
            {
                "name": step.name,
                "command": graph.command_in_place(step),
                "needs": graph.needed_by(step),
                "target": f"{OUTPUTS}/{step.name}",
                "keep": step.keep,
            }
            for step in graph.every_step()
        ]
        write_if_different(project / "steps.json", json.dumps(steps, indent=1))
        write_if_different(project / "dodo.py", _DODO)
        (project / OUTPUTS).mkdir(exist_ok=True)

    def run(self, jobs: int) -> list[str]:
        return [str(self.program), "-n", str(jobs), "-P", "thread"] if jobs > 1 else [str(self.program)]
