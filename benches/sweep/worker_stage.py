"""Runs one stage by pipe's worker: `worker_stage.py STAGE`, in a folder with stages.json and params.yaml."""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

# The project has a copy of it beside this file.
from worker import stage_request


def main() -> int:
    name = sys.argv[1]
    stage = json.loads(Path("stages.json").read_text())[name]
    parameters = yaml.safe_load(Path("params.yaml").read_text())[name]
    seed = parameters.pop("_seed")
    inputs: dict[str, dict[str, str]] = {}
    bound = [(input, f"out/{source}/{output}") for input, source, output in stage["inputs"]]
    for input, path in [*bound, *stage["files"]]:
        port, _, label = input.partition(".")
        inputs.setdefault(port, {})[label] = str(Path(path).absolute())
    outputs = {output: str(Path(f"out/{name}/{output}").absolute()) for output in stage["outputs"]}
    for path in outputs.values():
        Path(path).mkdir(parents=True, exist_ok=True)
    spec = {
        "uses": stage["uses"],
        "parameters": parameters,
        "inputs": inputs,
        "outputs": outputs,
        "seed": seed,
        "threads": os.cpu_count(),
        "device": "cpu",
        "checkpoint": None,
    }
    worker = subprocess.Popen([os.environ["PIPE_WORKER"], "stage"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdin and worker.stdout
    worker.stdin.write(stage_request(os.environ["PIPE_WORKER"], spec))
    worker.stdin.flush()
    # It ends when its input closes, so that stays open until it has answered.
    last = ""
    for line in worker.stdout:
        last = line
    with open(os.environ["STAGE_LOG"], "a", encoding="utf-8") as log:
        log.write(f"{name}\n")
    if worker.wait() != 0:
        print(last, file=sys.stderr)
    return worker.returncode


if __name__ == "__main__":
    sys.exit(main())
