#!/usr/bin/env bash
# A pore in a small silicate glass, how stiff the glass is with it and without, and how it breaks. Minutes on two cores.
# Needs a profile (`glassion setup`). Results go to mechanics-results/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
glass="$here/../structure/glass_1.extxyz"
results=${1:-mechanics-results}
rm -rf "$results"
mkdir -p "$results"

# A spherical pore of 1 nm, composition kept, relaxed at 300 K.
glassion launch porous-glass "$glass" --potential pmmcs --coulomb dsf --pore-diameter 10 --protocol fast \
  --yes --pk-file "$results/porous.pk" --wait
porous=$(cat "$results/porous.pk")
glassion show "$porous"

# The bulk modulus of both, atoms relaxed at 0 K: the porous glass is the softer one.
glassion launch elastic dense="$glass" porous="$porous" --potential pmmcs --coulomb dsf --method bulk --protocol fast \
  --yes --pk-file "$results/elastic.pk" --wait
elastic=$(cat "$results/elastic.pk")
glassion show "$elastic"

# The dense glass, repeated to 4800 atoms, pulled apart without a notch and with one, at 2e10 1/s: to see the way, not to publish.
glassion launch fracture "$glass" --potential pmmcs --coulomb dsf --kind both --protocol fast --sizes 2 \
  --yes --pk-file "$results/fracture.pk" --wait
fracture=$(cat "$results/fracture.pk")
glassion show "$fracture"

for name in porous elastic fracture; do
  glassion report "${!name}" "$results/$name"
  echo "open $results/$name/index.html"
done
