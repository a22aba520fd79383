#!/bin/sh
# Makes an environment, .venv, and installs into it exactly what LOCK pins, then this project, editable.
# Works as root or not, and where python3-venv (ensurepip) is missing: pip of the system then serves the
# environment through --python, which Debian's "externally managed" guard allows.
# Usage: scripts/setup.sh LOCK        PYTHON=... names another interpreter, VENV=... another place;
# EDITABLE= (empty) installs a copy of this project instead of a link to it.
set -eu
cd "$(dirname "$0")/.."
lock=$1 venv=${VENV:-.venv} editable=${EDITABLE---editable}
unset PYTHONPATH PYTHONHOME
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore

say() { echo "setup: $*" >&2; }
fit() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
sound() { "$venv/bin/python" -c 'import encodings, sys; sys.exit(sys.prefix == sys.base_prefix)' 2>/dev/null; }

python=
for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    if fit "$candidate"; then python=$candidate; break; fi
done
[ -n "$python" ] || { say "needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }

if ! sound || ! fit "$venv/bin/python"; then
    rm -rf "$venv"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        say "python3-venv is missing here; going on without it"
        rm -rf "$venv"  # what is left of the attempt has no pip and would pass for an environment
        "$python" -m venv --without-pip "$venv"
    fi
fi

if "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    pip() { "$venv/bin/python" -m pip "$@"; }
else
    for candidate in "$python" python3; do  # --python came with pip 22.3
        "$candidate" -m pip --python "$venv/bin/python" --version >/dev/null 2>&1 && break
        candidate=
    done
    [ -n "$candidate" ] || { say "needs python3-venv, or pip 22.3 or newer"; exit 1; }
    pip() { "$candidate" -m pip --python "$venv/bin/python" "$@"; }
fi

say "installing $lock with $("$venv/bin/python" --version)"
pip install --quiet --require-hashes --requirement "$lock"
pip install --quiet --no-deps --no-build-isolation $editable .
