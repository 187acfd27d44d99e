#!/usr/bin/env bash
# How fast sodium goes in a small silicate glass, over temperatures. A few minutes on two cores.
# Needs a profile (`glassion setup`). Results go to diffusion-results/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${1:-diffusion-results}
rm -rf "$results"
mkdir -p "$results"

# Runs at four temperatures: each goes on until D is known to 30 %, or until 80 ps.
glassion launch diffusion-sweep "$here/../structure/glass_1.extxyz" --potential pmmcs --coulomb dsf \
  --protocol fast --temperatures 1750,2000,2250,2500 --yes --pk-file "$results/pk"
pk=$(cat "$results/pk")

# How it goes: every run, its phase, and D so far. It ends with status 1 if too few temperatures tell a D.
glassion watch "$pk" --interval 5

# D and conductivity by temperature, and the lines through them.
glassion show "$pk" --replicas

# Mean squared displacements with their fits, the Arrhenius plot, maps of where the ions go.
glassion report "$pk" "$results/report"

glassion archive "$pk" "$results/diffusion.aiida"
echo "open $results/report/index.html"
