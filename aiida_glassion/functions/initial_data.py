"""Calcfunctions that make structures to begin with."""

from __future__ import annotations

import importlib
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.frames import FramesData, as_frames
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build import perturb
from aiida_glassion.kernels.dataset.gate import Limits, check_labels


@calcfunction
def perturb_crystal(crystal: orm.Data, settings: orm.Dict, seed: orm.Int) -> dict[str, Any]:
    """Structures around a crystal: supercells, scaled, strained, with displaced atoms; and what was left out.

    :param crystal: its last frame is taken, Å.
    :param settings: see :class:`~aiida_glassion.kernels.build.perturb.Perturbation`: lengths Å, strain as fraction.
    :param seed: seed of the displacements and strains.
    """
    made = perturb.perturb_crystal(as_frames(crystal), perturb.Perturbation(**settings.get_dict()), seed.value)
    report = {'scales': made.scales, 'repeats': made.repeats, 'refused': made.refused, 'seed': seed.value}
    frames = {} if made.frames is None else {'frames': FramesData(frames=made.frames)}
    return {**frames, 'report': orm.Dict({**report, 'n_frames': len(made.scales)})}


@calcfunction
def scale_cells(configuration: orm.Data, scales: orm.List) -> FramesData:
    """The last frame with all its lengths multiplied by each factor.

    :param configuration: FramesData, StructureData or TrajectoryData, Å.
    :param scales: factors of the lengths (no unit), one frame each.
    """
    frames = as_frames(configuration)[-1]
    return FramesData(frames=Frames.concatenate([perturb.scaled(frames, scale) for scale in scales.get_list()]))


@calcfunction
def take_frame(frames: orm.Data, index: orm.Int) -> FramesData:
    """One frame of several, as a configuration to start from.

    :param frames: positions Å.
    :param index: index of the frame, from 0; -1: the last.
    """
    return FramesData(frames=as_frames(frames)[index.value])


@calcfunction
def gather_frames(closest: orm.Float, skip: orm.Int, **parts: FramesData) -> dict[str, Any]:
    """Frames of the same atoms in one node, positions and cells only; those with atoms too close are left out and said.

    :param closest: fraction of the sum of the covalent radii below which two atoms are too close.
    :param skip: number of frames at the beginning of each part that are left out.
    :param parts: positions Å.
    """
    each = [parts[label].frames[skip.value :] for label in sorted(parts)]
    whole = Frames.concatenate([Frames(f.symbols, f.positions, f.cells, f.pbc) for f in each])
    said = perturb.too_close(whole, closest.value)
    good = [index for index, text in enumerate(said) if not text]
    refused = [{'index': index, 'reason': text} for index, text in enumerate(said) if text]
    frames = {'frames': FramesData(frames=whole[good])} if good else {}
    return {**frames, 'report': orm.Dict({'refused': refused, 'n_frames': len(good)})}


@calcfunction
def collect_aimd(engine: orm.Str, settings: orm.Dict, method: orm.Dict, **runs: Any) -> dict[str, Any]:
    """Labelled steps of ab-initio dynamics; a step that the gate refuses goes into the report, never into the data.

    :param engine: name of the label engine.
    :param settings: of the engine.
    :param method: what decided the labels; it becomes that of the dataset.
    :param runs: for each run a namespace: ``frames``, the configuration that it began from (Å), and its outputs.
    """
    read = importlib.import_module(f'aiida_glassion.label_engines.{engine.value}_aimd').read_aimd
    kept, refused, steps = [], [], {}
    for label, run in sorted(runs.items()):
        outputs = dict(run)
        found = read(outputs.pop('frames').frames, outputs, settings.get_dict())
        steps[label] = len(found)
        for step, frames in enumerate(found):
            verdict = check_labels(frames, frames, Limits())
            if verdict is None:
                kept.append(frames)
            else:
                refused.append({'run': label, 'step': step, 'kind': verdict.kind, 'reason': verdict.reason})
    dataset = {'dataset': DatasetData.from_frames(kept, method=method.get_dict())} if kept else {}
    return {**dataset, 'report': orm.Dict({'steps': steps, 'n_frames': len(kept), 'refused': refused})}
