#!/usr/bin/env bash
# A first learned potential: molten sodium disilicate, labelled by a published potential in the place of DFT, learned by a
# committee of two small models, and run with both watching. Some five minutes on two cores.
# Needs a profile with DeePMD-kit (`glassion setup --dp …`). Results go to potential-results/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
results=${1:-potential-results}
rm -rf "$results"
mkdir -p "$results"

# Two packed boxes, each melted for 4 ps; every 20 fs a frame.
glassion launch initial-data --mixture 33Na2O-67SiO2 --protocol fast --atoms 45 --potential pmmcs --coulomb dsf \
  --dynamics md --set mixture.structures=2 --set dynamics.starts=2 --set dynamics.mixture_temperature=3000 \
  --set dynamics.steps=4000 --set dynamics.every=20 --yes --pk-file "$results/frames" --wait
frames=$(cat "$results/frames")
glassion show "$frames"

# Energies, forces and virials. With --engine quantumespresso or vasp these are DFT; nothing else changes.
glassion launch label "$frames" --engine lammps --potential pmmcs --coulomb dsf --yes --pk-file "$results/labels" --wait
labels=$(cat "$results/labels")
glassion show "$labels"

# A committee of two: errors on frames that neither has seen, and a verdict.
glassion launch train "$labels" --protocol tiny --steps 4000 --yes --pk-file "$results/training" --wait
training=$(cat "$results/training")
glassion show "$training"
glassion report "$training" "$results/report"

# Molecular dynamics with the first model, both saying how far they disagree.
verdi -p "${GLASSION_PROFILE:-glassion}" run "$here/run_with_committee.py" "$training" "$frames"

# Frames, labels, models and their errors in one file.
glassion archive "$training" "$results/first_potential.aiida"
echo "open $results/report/index.html"
