"""Times the executor slurm: a job beside plain sbatch on a real cluster of one node, and a thousand jobs beside a stub.

usage: python3 benches/slurm [--jobs N] [--points N]

The cluster is started by scripts/slurm.sh, which needs root and Debian's slurm-wlm and munge. Without them only the stub is used.
"""

import argparse
import collections
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIPE = ROOT / "target/debug/pipe"
STAGE = """
[stage.s{number}]
uses = "command"
outputs = {{ o = "text" }}
inputs = {{ {inputs} }}
command = ["sh", "-c", "echo {number} > {{outputs.o}}/f"]
"""


SWEEP = """
[stage.s]
uses = "command"
outputs = {{ o = "text" }}
parameters = {{ k = 0 }}
command = ["sh", "-c", "echo {{parameters.k}} > {{outputs.o}}/f"]

[sweep]
"s.k" = {points}
"""


def head(poll: str) -> str:
    return f'name = "p"\nexecutor = "slurm"\n[slurm]\npoll = "{poll}"\njobs = 1000\n'


def chain(count: int, poll: str) -> str:
    """Stages that run one after the other."""

    def inputs(number: int) -> str:
        return f'before = "s{number - 1}.o"' if number else ""

    return head(poll) + "".join(STAGE.format(number=number, inputs=inputs(number)) for number in range(count))


def sweep(count: int, poll: str) -> str:
    """One stage at so many points."""
    return head(poll) + SWEEP.format(points=list(range(1, count + 1)))


def run_pipe(folder: Path, environment: dict[str, str]) -> tuple[float, int]:
    """Runs the pipeline; gives seconds and the peak memory of pipe in bytes."""
    began = time.monotonic()
    process = subprocess.Popen([PIPE, "run", "p", "--json"], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("pipe run failed")
    return time.monotonic() - began, usage.ru_maxrss * 1024


def beside_sbatch(count: int) -> None:
    """A chain of jobs that each write one file, by plain sbatch and by pipe."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = subprocess.run([ROOT / "scripts/slurm.sh", "start", folder / "slurm"], capture_output=True, text=True)
        if started.returncode:
            print(f"no cluster: {started.stderr.strip()}")
            return
        try:
            environment = {**os.environ, "SLURM_CONF": str(folder / "slurm/slurm.conf")}
            environment.pop("PIPE_STORE", None)
            began = time.monotonic()
            for number in range(count):
                command = ["sbatch", "--wait", "--output=/dev/null", f"--wrap=echo {number} > {folder}/f{number}"]
                subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            plain = (time.monotonic() - began) / count
            (folder / "p.toml").write_text(chain(count, "2s"))
            seconds, _ = run_pipe(folder, environment)
            print(f"{count} jobs, one after the other: sbatch --wait {plain:.2f} s a job, pipe {seconds / count:.2f} s a job")
        finally:
            subprocess.run([ROOT / "scripts/slurm.sh", "stop", folder / "slurm"], check=False)


def many(count: int) -> None:
    """The points of a sweep, in a queue that is a stub."""
    sys.path.insert(0, str(Path(__file__).parent))
    import stub

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("sbatch", "squeue", "scancel"):
            path = folder / "bin" / program
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"#!{sys.executable}\n" + (Path(__file__).parent / "stub.py").read_text())
            path.chmod(0o755)
        (folder / "queue/jobs").mkdir(parents=True)
        os.environ["SLURM_CONF"] = str(folder / "queue")
        os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        os.environ.pop("PIPE_STORE", None)
        (folder / "p.toml").write_text(sweep(count, "10s"))
        nodes = threading.Thread(target=stub.run, args=(count,), daemon=True)
        nodes.start()
        seconds, memory = run_pipe(folder, dict(os.environ))
        lines = (folder / "queue/calls").read_text().splitlines()
        calls = collections.Counter(line.split()[1] for line in lines)
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{count} jobs, {stub.SLOTS} at once, calls of {stub.LATENCY} s: {seconds:.0f} s; "
            f"{', '.join(f'{number} {name}' for name, number in sorted(calls.items()))}; "
            f"peak memory of pipe {memory / 2**20:.0f} MiB; CPU of all {cpu.ru_utime + cpu.ru_stime:.0f} s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10, help="jobs on the real cluster")
    parser.add_argument("--points", type=int, default=1000, help="jobs beside the stub")
    arguments = parser.parse_args()
    beside_sbatch(arguments.jobs)
    many(arguments.points)


main()
