"""LAMMPS: input script, data file, log and dump."""
