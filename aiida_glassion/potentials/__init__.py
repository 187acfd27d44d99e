"""The library of published potentials and how each becomes LAMMPS commands."""
