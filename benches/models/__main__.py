"""Times what trains the embeddings and the codes beside straightforward implementations: `python3 benches/models --help`.

Each benchmark is a program of its own, `benches/models/NAME.py`; options after `--` go to it.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from machine import idle_machine  # noqa: E402

BENCHMARKS = ("dccf", "codebook")
_FOLDER = Path(__file__).resolve().parent


def main() -> int:
    given = _parse()
    machine = idle_machine("models", _FOLDER, given.loaded)
    print("# Models side by side\n")
    memory = f"{machine.memory_bytes / 2**30:.0f} GiB"
    print(f"{machine.cores} cores of {machine.cpu}, {memory}, {machine.system}; load before it began: {machine.load:.2f}.")
    worst = 0
    for name in given.only:
        sys.stdout.flush()
        worst = max(worst, subprocess.run([sys.executable, _FOLDER / f"{name}.py", *given.options], check=False).returncode)
    return worst


def _parse() -> argparse.Namespace:
    there = [name for name in BENCHMARKS if (_FOLDER / f"{name}.py").exists()]
    parser = argparse.ArgumentParser(prog="benches/models", description=__doc__)
    parser.add_argument("--only", type=lambda names: names.split(","), default=there, help=f"some of {','.join(there)}")
    parser.add_argument("--loaded", action="store_true", help="measure even if the machine is busy")
    parser.add_argument("options", nargs="*", help="options of the benchmark, after --")
    given = parser.parse_args()
    if unknown := set(given.only) - set(there):
        parser.error(f"there is no {', '.join(sorted(unknown))}, expected some of {', '.join(there)}")
    os.environ.setdefault("PIPE_REFERENCE_PYTHON", "python3")
    return given


if __name__ == "__main__":
    sys.exit(main())
