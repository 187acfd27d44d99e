#!/usr/bin/env bash
# The demo: prepare AiiDA, prove the machine, make a first glass, stop the daemon. Called by `make demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stop_daemon() {
  verdi -p glassion daemon stop >/dev/null 2>&1 && echo '== daemon stopped'
}
trap stop_daemon EXIT

started=$SECONDS
echo "== AiiDA, in ${AIIDA_PATH} only"
glassion setup --profile glassion
echo '== does every part work?'
glassion doctor --profile glassion
echo '== a first glass'
bash examples/first_glass/run.sh
echo "== the demo took $((SECONDS - started)) s"
