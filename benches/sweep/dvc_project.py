"""DVC: a stage for each of pipe's, with the same worker behind it, and an experiment for each point."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from pipe_project import Stage

_FOLDER = Path(__file__).parent
_SCRIPTS = [_FOLDER / "worker_stage.py", _FOLDER.parent / "engine/worker.py"]


class DvcProject:
    def __init__(self, program: Path, folder: Path, stages: list[Stage], pipe: Path, limit: int) -> None:
        self.program, self.folder, self.limit = program, folder, limit
        folder.mkdir(parents=True)
        self.log = folder.parent / "dvc-stages.log"
        self.environment = os.environ | {
            "PIPE_WORKER": str(pipe.with_name("pipe-worker")),
            "STAGE_LOG": str(self.log),
            "DVC_NO_ANALYTICS": "1",
            "PATH": f"{program.parent}:{os.environ['PATH']}",
        }
        for command in (["git", "init", "--quiet"], [str(program), "init", "--quiet"]):
            self._call(command)
        for script in _SCRIPTS:
            shutil.copy(script, folder / script.name)
        parameters = {stage.name: stage.parameters | {"_seed": stage.seed} for stage in stages}
        # JSON is YAML too.
        (folder / "params.yaml").write_text(json.dumps(parameters, indent=1))
        (folder / "dvc.yaml").write_text(json.dumps({"stages": {stage.name: _entry(stage) for stage in stages}}, indent=1))
        (folder / "stages.json").write_text(json.dumps({stage.name: _description(stage) for stage in stages}, indent=1))
        self._call(["git", "add", "--all"])
        self._call(["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m", "stages"])

    def run(self, points: list[list[str]]) -> None:
        """The experiments of all points, one after the other."""
        for settings in points:
            given = [word for setting in settings for word in ("--set-param", setting)]
            self._call([str(self.program), "exp", "run", "--quiet", *given])

    def ran(self) -> int:
        """How many stages ran."""
        return len(self.log.read_text().splitlines())

    def _call(self, command: list[str]) -> None:
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, timeout=self.limit)


def _entry(stage: Stage) -> dict[str, Any]:
    inputs = [f"out/{source}/{output}" for _, source, output in stage.inputs]
    return {
        "cmd": f"python3 worker_stage.py {stage.name}",
        "deps": [*dict.fromkeys(inputs), *(path for _, path in stage.files)],
        "params": [stage.name],
        "outs": [f"out/{stage.name}/{output}" for output in stage.outputs],
    }


def _description(stage: Stage) -> dict[str, Any]:
    return {"uses": stage.uses, "inputs": stage.inputs, "files": stage.files, "outputs": stage.outputs}
