"""Times pushes and pulls of a store beside `aws s3 cp --recursive` of the same files, against an S3 server of this machine.

usage: python3 benches/remote STORE [--turns N]

STORE is a folder with results. It needs `aws` in PATH, and the server that `make test-s3` builds (target/s3/debug/s3-server).
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIPE = ROOT / "target/debug/pipe"
SERVER = ROOT / "target/s3/debug/s3-server"
ACCESS, SECRET = "ACCESSOFTHEBENCH", "a-secret-of-the-bench"


def timed(command: list) -> tuple[float, str]:
    """Seconds of a command, and the last line that it printed."""
    began = time.monotonic()
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    return time.monotonic() - began, (result.stdout.strip().splitlines() or [""])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--turns", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bucket").mkdir()
        server = subprocess.Popen([SERVER, folder, ACCESS, SECRET], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            os.environ["AWS_ENDPOINT_URL"] = f"http://{server.stdout.readline().strip()}"
            os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"] = ACCESS, SECRET
            os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
            for turn in range(arguments.turns):
                ours, theirs = f"s3://bucket/pipe-{turn}", f"s3://bucket/aws-{turn}"
                pulled, copied = folder / "pulled", folder / "copied"
                copy = ["aws", "s3", "cp", "--quiet", "--recursive"]
                steps = {
                    "pipe cache push": [PIPE, "cache", "push", "--store", arguments.store, "--remote", ours],
                    "aws s3 cp, up": [*copy, arguments.store / "store", theirs],
                    "pipe cache pull": [PIPE, "cache", "pull", "--store", pulled, "--remote", ours],
                    "aws s3 cp, down": [*copy, theirs, copied],
                }
                for step, command in steps.items():
                    seconds, line = timed(command)
                    print(f"{step}: {seconds:.1f} s  {line}", flush=True)
                shutil.rmtree(copied)
                subprocess.run(["chmod", "-R", "u+w", pulled], check=True)
                shutil.rmtree(pulled)
        finally:
            server.kill()


main()
