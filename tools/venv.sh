#!/bin/sh
# Make .venv hold what requirements*.txt say. Does nothing, in a few milliseconds, when it already does.
#     sh tools/venv.sh run|dev
set -eu
cd "$(dirname "$0")/.."

want=${1:-run}
if [ "$want" = dev ]; then wanted=requirements-dev.txt; else wanted=requirements.txt; fi
run_sum=$(cksum <requirements.txt)
dev_sum=$(cat requirements.txt requirements-dev.txt | cksum)
if [ "$want" = dev ]; then sum=$dev_sum; else sum=$run_sum; fi
stamp=.venv/.installed-$want

if [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ]; then
    exit 0
fi

# Two starts at the same moment must not install over one another.
lock=.venv.lock
waited=0
until mkdir "$lock" 2>/dev/null; do
    if [ "$waited" -eq 0 ]; then echo "Another set-up is under way; waiting for it." >&2; fi
    waited=$((waited + 1))
    if [ "$waited" -gt 600 ]; then
        echo "The set-up is still locked after ten minutes. If none is under way, remove the folder $lock." >&2
        exit 1
    fi
    sleep 1
done
trap 'rmdir "$lock"' EXIT
trap 'exit 130' INT TERM
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && [ -x .venv/bin/python ]; then
    exit 0
fi

recent_enough='import sys; raise SystemExit(sys.version_info < (3, 11))'
if ! .venv/bin/python -c "$recent_enough" 2>/dev/null; then
    python=
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14; do
        if [ -n "$name" ] && "$name" -c "$recent_enough" 2>/dev/null; then
            python=$name
            break
        fi
    done
    if [ -z "$python" ]; then
        found=$(python3 --version 2>/dev/null || echo "no python3")
        echo "Guichet needs Python 3.11 or newer ($found found). Install it, or say where it is: make PYTHON=/path/to/python3.11 run" >&2
        exit 1
    fi
    echo "Setting up the virtual environment ..."
    rm -rf .venv
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        echo "Python could not make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "Installing $wanted ..."
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --prefer-binary -r "$wanted"
echo "$run_sum" >.venv/.installed-run
if [ "$want" = dev ]; then echo "$dev_sum" >.venv/.installed-dev; fi
