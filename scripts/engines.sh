#!/usr/bin/env bash
# Install the programs that live apart from the project's Python. Usage: engines.sh [deepmd] [quip] [quantum-espresso] [chromium]
# deepmd: DeePMD-kit (TensorFlow, CPU) with its LAMMPS and ASE, 2.3 GB; quip: gap_fit; both in environments under .engines.
# quantum-espresso: pw.x and pseudopotentials; chromium: the browser that tests look at pages with. Both through the system's
# package manager, which needs root or sudo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -gt 0 ] || set -- deepmd quip quantum-espresso chromium

environment() { # NAME PACKAGE...: a Python environment of its own
  local name=$1 started=$SECONDS
  shift
  if [ -f ".engines/$name/.ready" ] && [ "$(cat ".engines/$name/.ready")" = "$*" ]; then
    echo "== $name: already there"
    return
  fi
  echo "== $name: $*, in .engines/$name"
  .venv/bin/python -m venv --clear ".engines/$name"
  ".engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade pip
  ".engines/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
  printf '%s\n' "$*" > ".engines/$name/.ready"
  echo "   installed in $((SECONDS - started)) s"
}

by_apt() { # NAME TESTS PACKAGE...: through the system's package manager; what cannot be installed is said, not hidden
  local name=$1 tests=$2 as_root=()
  shift 2
  if ! command -v apt-get >/dev/null || { [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
    {
      echo "✗ $name: it is not on this machine, and it cannot be installed here (no apt-get, or no right to)."
      echo "  The tests in $tests need it and will fail. To get it, on Debian or Ubuntu:"
      echo "  sudo apt-get install $*"
    } >&2
    return
  fi
  [ "$(id -u)" -eq 0 ] || as_root=(sudo -n)
  echo "== $name: $*, by apt-get"
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

quantum_espresso() {
  if command -v pw.x >/dev/null && ls /usr/share/espresso/pseudo/*.UPF >/dev/null 2>&1; then
    echo "== quantum-espresso: already there ($(command -v pw.x))"
  else
    by_apt quantum-espresso 'tests/engines/test_quantumespresso*.py' quantum-espresso quantum-espresso-data
  fi
}

browser() { # the browser that looks at the report page
  local found
  if found=$(command -v chromium || command -v chromium-browser || command -v google-chrome); then
    echo "== chromium: already there ($found)"
  else
    by_apt chromium 'tests/report/test_active_learning.py' chromium fonts-dejavu-core ||
      echo '✗ chromium: apt-get could not install it (Ubuntu has it as a snap only); google-chrome will do as well' >&2
  fi
}

for name in "$@"; do
  case "$name" in
    # this LAMMPS and no newer one: with the next release the plugin loads, then fails (all pair coeffs are not set)
    deepmd) environment deepmd 'deepmd-kit[cpu,lmp]==3.2.0' 'lammps[mpi]==2025.7.22.2.0' 'ase>=3.23' ;;
    quip) environment quip 'quippy-ase==0.10.3' ;;
    quantum-espresso) quantum_espresso ;;
    chromium) browser ;;
    *) echo "✗ $name: known are deepmd, quip, quantum-espresso, chromium" >&2; exit 2 ;;
  esac
done
