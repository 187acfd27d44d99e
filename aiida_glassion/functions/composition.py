"""Calcfunctions from a composition to atoms."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.kernels.build.apportion import apportion, formula_unit_counts
from aiida_glassion.kernels.build.composition import parse_composition
from aiida_glassion.kernels.build.density import estimate_density


@calcfunction
def apportion_atoms(
    composition: orm.Str | orm.Dict,
    n_atoms: orm.Int,
    pack_by: orm.Str,
    oxidation_states: orm.Dict | None = None,
    density: orm.Float | None = None,
) -> dict[str, Any]:
    """Whole numbers of atoms, exactly neutral, nearest to a composition; and the density of the box, g/cm³.

    :param composition: text or mapping, mol % or fractions.
    :param n_atoms: number of atoms wanted.
    :param pack_by: ``atoms``: output ``counts``; ``units``: whole formula units, output ``units``.
    :param oxidation_states: states that replace the usual ones, e.
    :param density: g/cm³; absent: estimated.
    """
    wanted = parse_composition(composition.get_dict() if isinstance(composition, orm.Dict) else composition.value)
    states = None if oxidation_states is None else oxidation_states.get_dict()
    by_units = pack_by.value == 'units'
    found = (formula_unit_counts if by_units else apportion)(wanted, n_atoms.value, states)
    estimate = None if density is not None else estimate_density(wanted, states)
    value = density.value if density is not None else estimate.value  # type: ignore[union-attr]
    report = {
        'composition': wanted.text,
        'n_atoms_wanted': n_atoms.value,
        'n_atoms': sum(found.counts.values()),
        'counts': found.counts,
        'deviations': found.deviations,
        'oxidation_states': found.oxidation_states,
        'density': value,
        'density_from': 'given by the user' if estimate is None else estimate.method,
        'units': {'density': 'g/cm³', 'deviations': 'atomic fraction, obtained minus wanted'},
    }
    atoms = {'units': orm.Dict(found.units or {})} if by_units else {'counts': orm.Dict(found.counts)}
    return {**atoms, 'density': orm.Float(value), 'report': orm.Dict(report)}
