"""pipe, run as a user would, with its events read."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Stage:
    """A stage as it was run: what the worker is told."""

    name: str
    uses: str
    parameters: dict[str, Any]
    seed: int
    inputs: list[tuple[str, str, str]]
    """Port and label, the stage that it comes from, the output."""
    files: list[tuple[str, str]]
    """Port, path outside."""
    outputs: list[str]


class PipeProject:
    def __init__(self, program: Path, arguments: list[str], folder: Path, limit: int) -> None:
        self.program, self.arguments, self.folder, self.limit = program, arguments, folder, limit

    def plan(self, store: Path) -> dict[str, Any]:
        """The last line of the plan."""
        return json.loads(self._ask("plan", store).splitlines()[-1])

    def points(self, store: Path) -> list[str]:
        """The names of the points that have metrics."""
        rows = json.loads(self._ask("metrics", store))
        return list(dict.fromkeys(row["point"] for row in rows))

    @staticmethod
    def settings(point: str) -> list[str]:
        """What a point sets; it has to be named by that."""
        return point.split(",")

    def run(self, store: Path, point: str | None = None) -> int:
        """How many stages ran."""
        picked = [] if point is None else ["--point", point]
        return self._run([*self.arguments, *picked], store)

    def with_more(self, assignment: str, store: Path) -> int:
        """How many stages ran with one value more on the axis of `assignment`."""
        axis, value = assignment.split("=")
        known = [setting.split("=")[1] for point in self.points(store) for setting in self.settings(point) if setting.startswith(f"{axis}=")]
        located = Path(__file__).resolve().parents[2] / "pipelines" / f"{self.arguments[0]}.toml"
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            wider = Path(name) / "wider.toml"
            values = ", ".join([*dict.fromkeys(known), value])
            wider.write_text(f'extends = "{located}"\nname = "wider"\n[sweep]\n"{axis}" = [{values}]\n')
            return self._run([str(wider), *self.arguments[1:]], store)

    def run_killed(self, store: Path, after: int) -> int:
        """How many stages ran in a run that is killed once so many have."""
        ran = 0
        process = self._start(self.arguments, store)
        assert process.stdout
        for line in process.stdout:
            event = json.loads(line)
            ran += event.get("event") == "stage" and event.get("status") == "done"
            if ran >= after:
                process.kill()
                break
        process.wait(self.limit)
        return ran

    def stages(self, store: Path, point: str) -> list[Stage]:
        """The stages of a point, each after those that it uses."""
        graph = json.loads(self._ask("graph", store, "--point", point))
        root = store / graph["pipeline"]
        stages = []
        for node in (node for node in graph["nodes"] if node["kind"] == "stage"):
            record = json.loads((root / node["name"] / "action.json").read_text())["action"]
            into = [edge for edge in graph["edges"] if edge["to"] == node["name"]]
            stages.append(
                Stage(
                    name=_plain(node["name"]),
                    uses=node["uses"],
                    parameters=record["manifest"]["parameters"],
                    seed=record["manifest"]["seed"] or 0,
                    inputs=[(edge["input"], _plain(edge["from"]), edge["output"]) for edge in into if "from" in edge],
                    files=[(edge["input"], str(Path(edge["file"]).absolute())) for edge in into if "file" in edge],
                    outputs=list(record["outputs"]),
                )
            )
        return stages

    def _run(self, arguments: list[str], store: Path) -> int:
        process = self._start(arguments, store)
        assert process.stdout
        events = [json.loads(line) for line in process.stdout]
        if process.wait(self.limit) != 0:
            raise SystemExit(f"sweep: pipe run {' '.join(arguments)} ended with {process.returncode}")
        return events[-1]["done"]

    def _start(self, arguments: list[str], store: Path) -> subprocess.Popen[str]:
        command = [self.program, "run", *arguments, "--store", store, "--json"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def _ask(self, command: str, store: Path, *more: str) -> str:
        arguments = [self.program, command, *self.arguments, *more, "--store", store, "--json"]
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


def _plain(name: str) -> str:
    """The name of a stage in the file."""
    return name.split("@")[0]
