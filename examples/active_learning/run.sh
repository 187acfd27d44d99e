#!/usr/bin/env bash
# Active learning from beginning to end: a tiny net learns silica from a published potential in the place of DFT, decides
# by itself when it is done, and says why. Some five minutes on two cores. Needs a profile with DeePMD-kit
# (`glassion setup --dp …`). Results go to learning-results/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${1:-learning-results}
rm -rf "$results"
mkdir -p "$results"

# What will be done, without doing it.
glassion launch active-learning "$here/study.yaml" --dry-run

# A loop may also end at a limit or because more data do not help: a result too, with its reason and its models.
set +e
glassion launch active-learning "$here/study.yaml" --yes --pk-file "$results/pk" --wait
ended=$?
set -e
loop=$(cat "$results/pk")

# What it decided in every iteration, and why; then the same as a page with figures.
glassion show "$loop"
glassion report "$loop" "$results/report"

# Here the truth is known: the teacher's glass by the same schedule, and its forces, beside those of the learned models.
if [ "$ended" -eq 0 ]; then
  python "$here/beside_teacher.py" "$loop" "$results/beside_teacher.txt"
fi

# Frames, labels, decisions, models and their errors in one file.
glassion archive "$loop" "$results/silica.aiida"
echo "open $results/report/index.html"
if [ "$ended" -ne 0 ] && ! grep -qE 'exit code 5(10|11|15|16)' "$results/report/report.json"; then
  exit "$ended"
fi
