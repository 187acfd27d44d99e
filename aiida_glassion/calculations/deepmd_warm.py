"""Whether a training may begin with the weights of a model: they must fit the data and the net that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_glassion.calculations.deepmd_inputs import model_content, type_map_of_model
from aiida_glassion.data.dataset import DatasetData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.formats.deepmd.script import read_training_script, sel_of_model

_DESCRIPTOR = ('type', 'rcut', 'rcut_smth', 'neuron', 'axis_neuron', 'type_one_side', 'resnet_dt')
_FITTING = ('neuron', 'resnet_dt')


def why_cold(
    model: PotentialData,
    parameters: Mapping[str, Any],
    elements: Sequence[str],
    type_map: Sequence[str] | None = None,
    neighbours: Mapping[str, int] | None = None,
) -> str | None:
    """Why a training cannot begin with a model; None: it can.

    Weights belong to a list of elements, a shape of the net and a largest number of neighbours: DeePMD-kit scales the
    neighbours of an atom one by one, so that a model has as many scales as it takes in neighbours, and atoms with more
    would lose those farthest away.

    :param model: uncompressed.
    :param parameters: content of ``input.json`` of the new training.
    :param elements: of the data.
    :param type_map: of the new training, where it is given.
    :param neighbours: largest number of neighbours of each element within the cutoff in the data; None: not counted.
    """
    known = type_map_of_model(model)
    new = [element for element in elements if element not in known]
    if new:
        return f'the data have {", ".join(new)}, the model knows {", ".join(known)} only'
    if type_map is not None and list(type_map) != known:
        return f'the model counts its elements as {", ".join(known)}, the training as {", ".join(type_map)}'
    content = model_content(model)
    trained = (read_training_script(content) or {}).get('model') or {}
    wanted = parameters.get('model') or {}
    for section, keys in (('descriptor', _DESCRIPTOR), ('fitting_net', _FITTING)):
        old, new_part = trained.get(section) or {}, wanted.get(section) or {}
        for key in keys:
            if key in old and key in new_part and old[key] != new_part[key]:
                return f'its net is another one: {section}.{key} is {old[key]} in the model, {new_part[key]} is wanted'
    sel = sel_of_model(content)
    return None if sel is None else _too_many(dict(zip(known, sel, strict=False)), wanted, neighbours or {})


def learned_by(model: PotentialData) -> set[str]:
    """Datasets (uuid) that a model was trained on, so that it takes in their neighbours; empty where nobody knows."""
    creator = model.creator
    if creator is None:
        return set()
    links = creator.base.links.get_incoming(node_class=DatasetData, link_label_filter='training\\_\\_%')
    return {link.node.uuid for link in links.all()}


def _too_many(sel: Mapping[str, int], wanted: Mapping[str, Any], neighbours: Mapping[str, int]) -> str | None:
    given = (wanted.get('descriptor') or {}).get('sel')
    if isinstance(given, list) and given != list(sel.values()):
        return f'it takes in {list(sel.values())} neighbours of {", ".join(sel)}, descriptor.sel wants {given}'
    more = [
        f'{number} of {element} ({sel[element]})' for element, number in neighbours.items() if number > sel[element]
    ]
    if more:
        return f'an atom of the data has more neighbours than the model takes in: {", ".join(more)}'
    return None
