#!/usr/bin/env bash
# How long a run with nothing to do takes: `pipe run sample` beside `make -q` on a chain of as many stages.
#
# usage: benches/noop.sh [TIMES]     TIMES is 20 when not given
# Peer: GNU make. Needs bash and python3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly TIMES=${1:-20}
readonly PIPE=${PIPE:-target/debug/pipe}

[[ -x $PIPE ]] || { echo "noop: there is no $PIPE: run make build" >&2; exit 1; }
command -v python3 >/dev/null || { echo "noop: python3 is missing" >&2; exit 1; }

chain=$(mktemp -d)
trap 'rm -rf "$chain"' EXIT

# The first run does the work, if any is left; the second settles what is remembered of files.
"$PIPE" run sample >/dev/null
sleep 0.2
"$PIPE" run sample >/dev/null
stages=$(grep -c '^\[stage\.' pipelines/sample.toml)

# A chain of files, each made from the one before.
{
    printf 'all: %s\n' "stage$stages"
    for ((stage = 1; stage <= stages; stage++)); do
        printf 'stage%d: stage%d\n\tcp stage%d stage%d\n' "$stage" "$((stage - 1))" "$((stage - 1))" "$stage"
    done
} >"$chain/Makefile"
echo source >"$chain/stage0"
make -s -C "$chain"

"$PIPE" --version
make --version | head -n 1
python3 - "$TIMES" "$PIPE" "$chain" "$stages" <<'PYTHON'
import statistics
import subprocess
import sys
import time

times, pipe, chain, stages = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])


def median(command):
    """The median wall time in milliseconds; the command has to succeed."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)


plan = subprocess.run([pipe, "plan", "sample"], check=True, capture_output=True, text=True).stdout
last = plan.splitlines()[-1]
if ", 0 to run" not in last:
    sys.exit(f"noop: sample is not up to date: {last}")

ours = median([pipe, "run", "sample"])
peer = median(["make", "-q", "-C", chain])
print(f"{stages} stages, nothing to do, median of {times}, starting the process included")
print(f"pipe run sample  {ours:7.1f} ms")
print(f"make -q          {peer:7.1f} ms")
print(f"ratio            {ours / peer:7.1f}")
PYTHON
