#!/usr/bin/env bash
# How fast sodium goes in a small silicate glass, over temperatures. A few minutes on two cores.
# Needs a profile (`glassion setup`). Results go to diffusion-results/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${1:-diffusion-results}
rm -rf "$results"
mkdir -p "$results"

# Runs at three temperatures: each goes on until its ions diffuse and D is known to 30 %, or until 160 ps.
glassion launch diffusion-sweep "$here/../structure/glass_1.extxyz" --potential pmmcs --coulomb dsf \
  --protocol fast --temperatures 2250,2500,2750 --budget 160 --yes --pk-file "$results/pk"
pk=$(cat "$results/pk")

# How it goes: every run, its phase, and D so far. The status is 1 if too few temperatures tell a D; `show` says why.
set +e
glassion watch "$pk" --interval 5
status=$?
set -e

# D and conductivity by temperature, and the lines through them.
glassion show "$pk" --replicas

# Mean squared displacements with their fits, the Arrhenius plot, maps of where the ions go.
glassion report "$pk" "$results/report"

glassion archive "$pk" "$results/diffusion.aiida"
echo "open $results/report/index.html"
exit "$status"
