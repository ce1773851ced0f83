#!/bin/sh
# Makes the virtual environment DIR with the first Python that can: $PYTHON if set, else python3, python3.14 .. 3.11.
# Nothing but Python >= 3.11 with its own ensurepip is needed; where that is missing, the last lines say how to get it.
#
# Usage: venv.sh DIR
set -eu

works='import sys; sys.exit(sys.version_info < (3, 11))'
old_or_absent=''
without_pip=''

for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if ! "$python" -c "$works" >/dev/null 2>&1; then
        old_or_absent="$old_or_absent $python"
    elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        without_pip="$without_pip $python"
    else
        echo "venv: $1 with $("$python" --version) ($python)"
        "$python" -m venv "$1" && exit 0
        rm -rf "$1" # half an environment would look like a whole one next time
        exit 1
    fi
done

{
    echo "venv: no usable Python was found."
    [ -z "$old_or_absent" ] || echo "  absent or older than 3.11:$old_or_absent"
    [ -z "$without_pip" ] || echo "  without ensurepip:$without_pip"
    echo "  Remedy: on Debian and Ubuntu 'apt-get install python3-venv' (as root); on Fedora 'dnf install python3';"
    echo "  or name a complete Python 3.11 or newer: make PYTHON=/path/to/python3 ..."
} >&2
exit 1
