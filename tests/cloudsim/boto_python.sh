#!/bin/sh
# boto_python.sh PYTHON ARGUMENTS…: runs a test by a python that has boto3: PYTHON, which scripts/setup makes, or
# PERDURE_BOTO_PYTHON. Fails where there is none: these tests are never skipped.
set -eu
python=${PERDURE_BOTO_PYTHON:-$1}
shift
if ! "$python" -c "import boto3" 2> /dev/null; then
    echo "$python is missing, or lacks what tests/cloudsim/requirements.txt names." >&2
    echo "Next: run scripts/setup, which installs it from the Python package index into build/python" >&2
    echo "(once, with a network), or set PERDURE_BOTO_PYTHON to a python that has it." >&2
    exit 1
fi
exec "$python" "$@"
