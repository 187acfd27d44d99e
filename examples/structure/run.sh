#!/usr/bin/env bash
# The structure of a glass from a file, beside a measured curve. Half a minute; no AiiDA profile, no other program.
# Results go to structure-results/.
set -euo pipefail
results=$(realpath -m "${1:-structure-results}")
rm -rf "$results"
cd "$(dirname "${BASH_SOURCE[0]}")"

# What would be done, and how long that may take.
glassion analyse glass_1.extxyz --dry-run

# Five frames of a sodium silicate glass: tables here; page, figures, CSV and JSON in the folder.
glassion analyse glass_1.extxyz --output "$results/glass"

# Beside a curve. This one is SYNTHETIC, made by make_measured.py: take a measured one of your own.
glassion analyse glass_1.extxyz --what scattering --experiment synthetic_neutron.sq --quantity S --radiation neutron \
  --range 0.6:20 --output "$results/experiment"

# Two glasses of one composition as replicas: the mean and its error over them.
glassion analyse glass_1.extxyz glass_2.extxyz --as replicas --what coordination,network,rings --cutoff Na-O=3.2 \
  --output "$results/replicas"
echo "open $results/glass/index.html"
