"""Runs `pipe` on a store of its own, and peers beside it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PipeProgram:
    """`pipe` with its store in a folder; an error ends the benchmark."""

    bench: str
    program: Path
    folder: Path
    threads: int

    def __call__(self, command: str, *arguments: str) -> str:
        """What a command prints."""
        slots = [] if command in ("logs", "show") else ["--slots", f"threads={self.threads}"]
        asked = [str(self.program), command, *arguments, "--store", str(self.folder / "store"), *slots]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=self.folder)
        if answer.returncode:
            sys.exit(f"{self.bench}: {' '.join(asked)}\n{answer.stderr}")
        return answer.stdout

    def path(self, file: str, output: str) -> str:
        """Where the current output of a stage is."""
        return self("cache", "path", file, output).strip()

    def peak_memory(self, stage: str) -> int:
        """Of a stage of the latest run, in bytes."""
        run = json.loads(self("show", "latest", "--json"))
        return next(one["provenance"]["peak_memory"] for one in run["stages"] if one["stage"] == stage)


def ask_peer(bench: str, python: str, script: Path, request: dict[str, Any]) -> dict[str, Any]:
    """What a script says at its end, as JSON, of what it is given as JSON."""
    answer = subprocess.run([python, script], input=json.dumps(request), capture_output=True, text=True, check=False)
    if answer.returncode:
        sys.exit(f"{bench}: {python} {script}\n{answer.stderr}")
    return json.loads(answer.stdout.splitlines()[-1])
