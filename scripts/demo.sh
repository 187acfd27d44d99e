#!/usr/bin/env bash
# A demo: prepare AiiDA, prove the machine, run an example, stop the daemon. Called by `make demo` and `make learn`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stop_daemon() {
  verdi -p glassion daemon stop >/dev/null 2>&1 && echo '== daemon stopped'
}
trap stop_daemon EXIT

started=$SECONDS
echo "== AiiDA, in ${AIIDA_PATH} only"
example=${1:-first_glass}
engines=()
for option in dp gap-fit; do
  program=$(ls .engines/*/bin/"${option/-/_}" 2>/dev/null | head -n 1 || true)
  [ -z "$program" ] || engines+=("--$option" "$PWD/$program")
done
glassion setup --profile glassion ${engines[@]+"${engines[@]}"}
echo '== does every part work?'
glassion doctor --profile glassion
echo "== ${example//_/ }"
bash "examples/$example/run.sh"
echo "== the demo took $((SECONDS - started)) s"
