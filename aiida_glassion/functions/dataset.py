"""Calcfunctions on datasets of labelled frames: made from frames, merged, split, shifted, judged."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.dataset import DatasetData, check_one_method
from aiida_glassion.data.frames import FramesData
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.dataset.energy_shifts import add_shifts, choose_shifts, subtract_shifts
from aiida_glassion.kernels.dataset.report import ledger_of, refused_frames, report_frames
from aiida_glassion.kernels.dataset.split import chosen_frames, plan_split


@calcfunction
def dataset_from_frames(method: orm.Dict, **frames: FramesData) -> DatasetData:
    """Gather labelled frames of any compositions into a dataset.

    :param method: how they were labelled (engine, functional, cutoffs in eV, dispersion …).
    :param frames: with energies (eV) and what there is of forces (eV/Å), virials (eV) and magnetisations (µB).
    """
    return DatasetData.from_frames((node.frames for _, node in sorted(frames.items())), method.get_dict())


@calcfunction
def merge_datasets(**datasets: DatasetData) -> DatasetData:
    """Join datasets that were labelled by one method; others have energies that do not compare, and are refused.

    :param datasets: of the same method and the same energy shifts.
    """
    method = check_one_method(datasets)
    ordered = [node for _, node in sorted(datasets.items())]
    shifts = {element: value for node in ordered for element, value in node.energy_shifts.items()}
    return DatasetData.from_frames((part for node in ordered for part in node.iter_frames()), method, shifts)


@calcfunction
def split_dataset(dataset: DatasetData, settings: orm.Dict) -> dict[str, DatasetData]:
    """Hold frames out for a test: at random from every system or from all together, or whole formulas.

    :param dataset: to be split; energies eV.
    :param settings: ``fraction`` of frames that are held out and ``seed`` (and ``pooled``: over all systems), or
        ``held_out``: list of formulas. A part without frames is left out.
    """
    held_out = plan_split(dataset.systems, settings.get_dict())
    return {
        name: DatasetData.from_frames(chosen_frames(dataset.iter_frames(), mask), dataset.method, dataset.energy_shifts)
        for name, mask in (('train', ~held_out), ('test', held_out))
        if mask.any()
    }


@calcfunction
def shift_energies(dataset: DatasetData, settings: orm.Dict) -> dict[str, Any]:
    """Take an energy per atom of each element off the energies, so that what is left is cohesion; older shifts go.

    :param dataset: whose energies (eV) are shifted.
    :param settings: ``kind``: ``least_squares``, ``isolated_atoms``, ``given`` (with ``shifts``: eV by element) or
        ``none``.
    """
    whole = (add_shifts(part, dataset.energy_shifts) for part in dataset.iter_frames())
    shifts, report = choose_shifts(whole, settings.get_dict())
    change = {e: shifts.get(e, 0.0) - dataset.energy_shifts.get(e, 0.0) for e in dataset.elements}
    if shifts and (missing := [element for element in dataset.elements if element not in shifts]):
        raise ValueError(f'no energy shift is given for {", ".join(missing)}')
    parts = (subtract_shifts(part, change) for part in dataset.iter_frames())
    shifted = DatasetData.from_frames(parts, dataset.method, {e: shifts[e] for e in dataset.elements if e in shifts})
    return {'dataset': shifted, 'report': orm.Dict(report)}


@calcfunction
def report_dataset(dataset: DatasetData, settings: orm.Dict) -> orm.Dict:
    """Statistics by formula, outliers, duplicate geometries and smallest distances; units are in the report.

    :param dataset: to be judged.
    :param settings: limits: ``energy_score`` (robust standard deviations), ``largest_force`` (eV/Å),
        ``largest_pressure`` (GPa), ``tolerance`` (Å, of duplicates).
    """
    return orm.Dict(report_frames(dataset.iter_frames, settings.get_dict()))


@calcfunction
def select_frames(dataset: DatasetData, settings: orm.Dict) -> dict[str, Any]:
    """Leave outliers and duplicate geometries out of a dataset; the ledger says which, and why.

    :param dataset: to be sifted.
    :param settings: ``outliers`` and ``duplicates``: whether they go; limits as of ``report_dataset``.
    """
    limits = settings.get_dict()
    which = {name: bool(limits.pop(name, True)) for name in ('outliers', 'duplicates')}
    refused = refused_frames(report_frames(dataset.iter_frames, limits), **which)
    keep = np.isin(np.arange(dataset.n_frames), list(refused), invert=True)
    parts = chosen_frames(dataset.iter_frames(), keep)
    kept = DatasetData.from_frames(parts, dataset.method, dataset.energy_shifts)
    return {'dataset': kept, 'ledger': orm.Dict(ledger_of(refused, dataset.systems))}


@calcfunction
def frames_of_dataset(dataset: DatasetData) -> dict[str, FramesData]:
    """Configurations of a dataset without their labels, to start from, by the name of their system (``O16Si8``).

    :param dataset: labelled frames; only positions and cells are taken, Å.
    """
    return {
        system['name']: FramesData(
            frames=Frames.concatenate(
                [Frames(f.symbols, f.positions, f.cells, f.pbc) for f in dataset.iter_frames(system['name'])]
            )
        )
        for system in dataset.systems
    }
