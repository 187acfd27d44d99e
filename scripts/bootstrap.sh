#!/usr/bin/env bash
# Make the Python environment .venv and install the project in it. Usage: bootstrap.sh EXTRAS (like engines,dev)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extras=$1

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10 python3.14 python}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  {
    echo "✗ Python 3.10 or newer is needed; found: $(python3 --version 2>/dev/null || echo none)."
    echo '  Debian, Ubuntu: sudo apt install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3'
  } >&2
  return 1
}

make_environment() {
  local python
  python=$(find_python)
  if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    {
      echo "✗ $python cannot make environments: its venv module is not installed."
      echo "  Debian, Ubuntu: sudo apt install python3-venv   (or $(basename "$(readlink -f "$python")")-venv)"
    } >&2
    return 1
  fi
  echo "== 1/3 Python environment in .venv, with $("$python" --version)"
  "$python" -m venv .venv
}

started=$SECONDS
if .venv/bin/python -c 'import pip' >/dev/null 2>&1; then
  echo '== 1/3 Python environment in .venv: already there'
else
  make_environment
fi
echo '== 2/3 newest pip (older ones fail on this set of packages)'
.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
echo "== 3/3 aiida-glassion with [$extras]: about 150 packages, a minute or two"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
echo "   installed in $((SECONDS - started)) s"
