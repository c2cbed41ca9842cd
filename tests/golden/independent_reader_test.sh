#!/bin/sh
# independent_reader_test.sh BUILD_DIR: restores the golden repositories with the independent reader and compares every entry with the
# listings committed beside them. Needs python3 with venv, protoc, xz, and a package index (or PERDURE_READER_PYTHON, a python
# that has the requirements). As root all is compared, else all that another user can restore.
set -eu
build=$(mkdir -p "${1:?usage: independent_reader_test.sh BUILD_DIR}" && cd "$1" && pwd)
golden=$(cd "$(dirname "$0")" && pwd)
tools=$golden/../../tools/independent_reader
work=$build/independent_reader
python=${PERDURE_READER_PYTHON:-$work/venv/bin/python3}
if [ -z "${PERDURE_READER_PYTHON:-}" ] && ! "$python" -c "import blake3, cryptography, google.protobuf, nacl, zstandard" 2>/dev/null; then
    rm -rf "$work/venv"
    python3 -m venv "$work/venv"
    "$python" -m pip install --quiet --disable-pip-version-check -r "$tools/requirements.txt"
fi
mkdir -p "$work"
export PYTHONPATH=$tools PYTHONDONTWRITEBYTECODE=1
compared=0
failed=0

reader() { "$python" -m independent_reader "$@"; }

# Directories of the golden trees may not be written to.
clear_target() {
    [ ! -e "$work/target" ] || chmod -R u+rwx "$work/target"
    rm -rf "$work/target"
}

# same NAME EXPECTED ACTUAL
same() {
    compared=$((compared + 1))
    if ! cmp -s "$2" "$3"; then
        failed=$((failed + 1))
        echo "FAILED $1" >&2
        diff "$2" "$3" | head -n 20 >&2 || true
    fi
}

# restore_and_compare NAME REPOSITORY KEY_OPTION KEY_FILE POINT EXPECTED: EXPECTED is a listing, compressed
restore_and_compare() {
    clear_target
    status=0
    reader --repo "$2" "$3" "$4" restore "$5" --target "$work/target" 2> "$work/errors" || status=$?
    if [ "$(id -u)" = 0 ]; then
        xz -dc "$6" > "$work/expected"
        python3 "$golden/listing.py" "$work/target/srv/perdure-golden" > "$work/actual"
        if [ $status != 0 ]; then
            failed=$((failed + 1))
            echo "FAILED $1: exit code $status" >&2
            cat "$work/errors" >&2
        fi
    else
        xz -dc "$6" | python3 "$golden/listing.py" --strip > "$work/expected"
        python3 "$golden/listing.py" --unprivileged "$work/target/srv/perdure-golden" > "$work/actual"
    fi
    same "$1" "$work/expected" "$work/actual"
}

"$python" "$tools/examples_test.py" "$golden/examples-v1.json"

for folder in "$golden"/v1-*/; do
    name=$(basename "$folder")
    repository=$folder/repository
    for listing in "$folder"/*.jsonl.xz; do
        point=$(basename "$listing" .jsonl.xz)
        restore_and_compare "$name $point by password" "$repository" --password-file "$folder/password" "$point" "$listing"
        restore_and_compare "$name $point by recovery key" "$repository" --recovery-key-file "$folder/recovery-key" "$point" "$listing"
        # From the essentials alone: what the packs say of themselves must do.
        rm -rf "$work/bare"
        mkdir -p "$work/bare"
        for part in perdure epochs writers log points packs; do cp -R "$repository/$part" "$work/bare/"; done
        restore_and_compare "$name $point without index, hints and slots" "$work/bare" --recovery-key-file "$folder/recovery-key" "$point" "$listing"
    done
    clear_target
    reader --repo "$repository" --password-file "$folder/password" restore latest --target "$work/target"
    seq 1 5000 > "$work/expected"
    same "$name stream" "$work/expected" "$work/target/numbers.txt"

    # What was tampered with must not be restored as if it were good.
    status=0
    printf 'another\n' > "$work/wrong"
    reader --repo "$repository" --password-file "$work/wrong" list > /dev/null 2>&1 || status=$?
    [ $status = 12 ] || { failed=$((failed + 1)); echo "FAILED $name: a wrong password is exit code $status" >&2; }
    "$python" "$tools/tamper_test.py" "$repository" "$folder/password" || failed=$((failed + 1))
    "$python" "$tools/forge_test.py" "$repository" "$folder/password" || failed=$((failed + 1))
done
[ $compared -gt 0 ] || { echo "FAILED: there is no golden repository" >&2; exit 1; }
echo "independent reader: $compared comparisons, $failed failed"
[ $failed = 0 ]
