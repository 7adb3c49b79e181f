"""Asks pipe's worker to run a stage, as `pipe` does."""

import json
import subprocess
from pathlib import Path
from typing import Any


def stage_request(worker: str | Path, spec: dict[str, Any]) -> str:
    """The line that `pipe-worker stage` reads, in the version of the protocol that this worker has."""
    described = subprocess.run([worker, "describe"], capture_output=True, text=True, check=True)
    return json.dumps({"protocol": json.loads(described.stdout)["protocol"], "request": spec}) + "\n"
