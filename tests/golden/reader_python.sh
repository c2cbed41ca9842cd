#!/bin/sh
# reader_python.sh PYTHON ARGUMENTS…: runs a test of the independent reader by a python that has its requirements: PYTHON, which
# scripts/setup makes, or PERDURE_READER_PYTHON. Fails where there is none: these tests are never skipped.
set -eu
python=${PERDURE_READER_PYTHON:-$1}
shift
if ! "$python" -c "import blake3, cryptography, google.protobuf, nacl, zstandard" 2> /dev/null; then
    echo "$python is missing, or lacks what tools/independent_reader/requirements.txt names." >&2
    echo "Next: run scripts/setup, which installs it from the Python package index into build/python" >&2
    echo "(once, with a network), or set PERDURE_READER_PYTHON to a python that has it." >&2
    exit 1
fi
exec "$python" "$@"
