#!/usr/bin/env bash
# Puts libtorch into .libtorch/, from the torch wheel. Does nothing when it is there already.
#
# usage: scripts/libtorch.sh [FOLDER]     FOLDER is .libtorch in the repository when not given
#
# Exit codes: 0 it is there, 2 wrong usage, 3 LIBTORCH is set but holds no libtorch, 4 no Python with pip,
# 5 pip could not fetch it, 6 what pip fetched is not as expected, 7 the folder cannot be written,
# 8 another one of these is at work.
set -euo pipefail

readonly VERSION=2.11.0
readonly PACKAGES=("torch==$VERSION" "nvidia-cuda-runtime==13.0.*" "nvidia-cuda-cupti==13.0.*")

fail() {
    local code=$1
    shift
    printf 'libtorch: error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf 'libtorch: %s\n' "$line" >&2; done
    exit "$code"
}

# Whether the folder holds this version, whole.
is_right() {
    local torch=$1/torch
    [[ -f $torch/lib/libtorch_cpu.so && -f $torch/lib/libtorch.so && -f $torch/version.py ]] &&
        grep -Eq "^__version__ *= *['\"]${VERSION//./\\.}([+'\"])" "$torch/version.py"
}

# pip unpacks CPU libraries alone; with a GPU it also unpacks those that libtorch_cuda.so needs.
wanted() {
    if has_gpu; then echo "torch $VERSION cuda"; else echo "torch $VERSION cpu"; fi
}

has_gpu() {
    compgen -G '/proc/driver/nvidia/gpus/*' >/dev/null
}

# The stamp of a folder: a full one serves a machine without a GPU as well.
is_done() {
    is_right "$1" || return 1
    local stamp=''
    [[ -f $1/stamp ]] && read -r stamp <"$1/stamp"
    [[ $stamp == "$(wanted)" || $stamp == "torch $VERSION cuda" ]]
}

use_own() {
    [[ -e $LIBTORCH/lib/libtorch.so ]] || fail 3 "LIBTORCH is $LIBTORCH, but there is no lib/libtorch.so in it" \
        "unset LIBTORCH to have libtorch $VERSION fetched, or set it to the folder that holds lib/ and include/"
    echo "libtorch: uses LIBTORCH=$LIBTORCH"
}

find_python() {
    local python
    for python in python3 python; do
        if command -v "$python" >/dev/null && "$python" -m pip --version >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    fail 4 "libtorch comes from a Python package, and no Python with pip was found" \
        "install python3 and pip (on Debian and Ubuntu: apt-get install python3-pip)," \
        "or set LIBTORCH to a folder with libtorch $VERSION"
}

fetch() {
    local python=$1 partial=$2
    local -a dependencies=(--no-deps)
    if has_gpu; then dependencies=(); fi
    # What an interrupted call left is half unpacked; pip's cache keeps what was fetched.
    rm -rf "$partial" || fail 7 "$partial cannot be removed"
    mkdir -p "$partial" || fail 7 "$partial cannot be made"
    echo "libtorch: fetches ${PACKAGES[*]} (about 0.6 GB, 1.3 GB unpacked; more with a GPU)"
    PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-input --no-warn-conflicts \
        --only-binary=:all: --target "$partial" "${dependencies[@]}" "${PACKAGES[@]}" ||
        fail 5 "pip could not install torch $VERSION" \
            "pip's own words are above: the network, the disk, or no wheel for $("$python" --version 2>&1) on this system" \
            "run it again to go on, or set LIBTORCH to a folder with libtorch $VERSION"
}

main() {
    (($# <= 1)) || fail 2 "expected at most one argument: the folder"
    if [[ -n ${LIBTORCH:-} ]]; then
        use_own
        return
    fi
    local root folder
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    folder=${1:-$root/.libtorch}
    if is_done "$folder"; then return; fi
    # A folder that somebody else unpacked well needs no more than its stamp.
    if is_right "$folder" && ! has_gpu; then
        wanted >"$folder/stamp" || fail 7 "$folder/stamp cannot be written"
        return
    fi
    local python partial=$folder.partial
    python=$(find_python)
    mkdir "$folder.lock" 2>/dev/null || {
        [[ -d $folder.lock ]] || fail 7 "$folder.lock cannot be made: $(dirname "$folder") is not there or not writable"
        kill -0 "$(cat "$folder.lock/pid" 2>/dev/null || echo 0)" 2>/dev/null && [[ -s $folder.lock/pid ]] &&
            fail 8 "process $(cat "$folder.lock/pid") is fetching libtorch into $folder" "wait for it, then run this again"
    }
    echo $$ >"$folder.lock/pid"
    # shellcheck disable=SC2064 # the folder is known now
    trap "rm -rf '$folder.lock'" EXIT
    fetch "$python" "$partial"
    is_right "$partial" || fail 6 "what pip unpacked into $partial is not libtorch $VERSION" \
        "remove that folder and run this again"
    wanted >"$partial/stamp"
    rm -rf "$folder"
    mv "$partial" "$folder" || fail 7 "$partial cannot be renamed to $folder"
    echo "libtorch: $VERSION is in $folder"
}

main "$@"
