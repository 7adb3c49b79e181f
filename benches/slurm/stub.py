"""Stands in for sbatch, squeue and scancel where no cluster has a thousand jobs at once. It is called by their names.

Jobs are files in the folder SLURM_STUB. A job waits until its script is started by `run`, which runs SLOTS of them at once.
Each call takes LATENCY seconds, as the controller of a busy cluster may, and adds a line to the file `calls`.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

LATENCY = 0.05
SLOTS = 16


def folder() -> Path:
    return Path(os.environ["SLURM_CONF"])


def note(name: str) -> None:
    with (folder() / "calls").open("a") as calls:
        calls.write(f"{time.time():.3f} {name}\n")


def sbatch(words: list[str]) -> None:
    """Takes a job, or an array of jobs, and prints its number."""
    options = dict(word.split("=", 1) for word in words if word.startswith("--") and "=" in word)
    last = int(options.get("--array", "0-0").partition("-")[2])
    with (folder() / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = len(list((folder() / "jobs").iterdir())) + 1
        script = folder() / "scripts" / str(first)
        script.parent.mkdir(exist_ok=True)
        shutil.copy(words[-1], script)
        for element in range(last + 1):
            shown = f"{first}_{element}" if "--array" in options else str(first)
            job = ["PENDING", options["--job-name"], str(script), options["--chdir"], shown]
            (folder() / "jobs" / str(first + element)).write_text("\n".join(job))
    print(first)


def squeue(_words: list[str]) -> None:
    """Prints all jobs as the runner asks for them: number, state, nodes, reason, name."""
    for job in (folder() / "jobs").iterdir():
        state, name, _, _, shown = job.read_text().split("\n")
        print(f"{shown}|{state}|node|None|{name}")


def run(count: int) -> None:
    """Runs jobs, SLOTS at once, until so many have ended."""
    running: dict[Path, subprocess.Popen[bytes]] = {}
    done, started = 0, 0
    while done < count:
        for job, process in list(running.items()):
            if process.poll() is not None:
                set_state(job, "COMPLETED" if process.returncode == 0 else "FAILED")
                del running[job]
                done += 1
        job = folder() / "jobs" / str(started + 1)
        if len(running) < SLOTS and job.exists() and job.read_text():
            _, _, script, chdir, shown = job.read_text().split("\n")
            set_state(job, "RUNNING")
            array, _, element = shown.partition("_")
            variables = {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": element} if element else {}
            running[job] = subprocess.Popen(["sh", script], cwd=chdir, env={**os.environ, **variables})
            started += 1
        else:
            time.sleep(0.01)


def set_state(job: Path, state: str) -> None:
    _, *rest = job.read_text().split("\n")
    beside = job.parent.parent / "beside"
    beside.write_text("\n".join([state, *rest]))
    beside.rename(job)


if __name__ == "__main__":
    called = Path(sys.argv[0]).name
    note(called)
    time.sleep(LATENCY)
    {"sbatch": sbatch, "squeue": squeue, "scancel": lambda _: None}[called](sys.argv[1:])
