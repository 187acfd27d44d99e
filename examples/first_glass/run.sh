#!/usr/bin/env bash
# A first glass: sodium silicate, melted and quenched by real LAMMPS under AiiDA. A few minutes on two cores.
# Needs a profile (`glassion setup`). Results go to demo-results/.
set -euo pipefail
results=${1:-demo-results}
rm -rf "$results"
mkdir -p "$results"

# From a composition to two replicas of a glass, each with its own seed.
glassion launch melt-quench 20Na2O-80SiO2 --potential pmmcs --coulomb dsf \
  --protocol fast --yes --pk-file "$results/pk"
pk=$(cat "$results/pk")

# How it goes: replica, stage, temperature, speed, time left.
glassion watch "$pk" --interval 5

# The numbers, with errors over the replicas.
glassion show "$pk"

# Figures, tables, the provenance picture: one page to look at.
glassion report "$pk" "$results/report"

# The whole study in one file, to share: verdi archive import first_glass.aiida
glassion archive "$pk" "$results/first_glass.aiida"
echo "open $results/report/index.html"
