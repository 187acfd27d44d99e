"""What VASP is told: INCAR tags, k-points and POTCARs from plain settings, every choice of physics written out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from aiida import orm

from aiida_glassion.frames import FloatArray, Frames

FUNCTIONALS = {'PBE': 'PE', 'PBEsol': 'PS', 'RPBE': 'RP', 'revPBE': 'RE'}
"""VASP's GGA of each functional."""
DISPERSIONS = {'none': 0, 'd3-zero': 11, 'd3-bj': 12}
"""VASP's IVDW: Grimme et al., J. Chem. Phys. 132, 154104 (2010), zero damping; J. Comput. Chem. 32, 1456 (2011)."""
COPIED = ('prec', 'encut', 'ediff', 'nelm', 'nelmin', 'algo', 'ismear', 'sigma', 'lreal', 'lasph', 'addgrid')
"""Settings that are INCAR tags."""
STATIC = {
    'isym': 0, 'isif': 2, 'ibrion': -1, 'nsw': 0, 'istart': 0, 'icharg': 2, 'lwave': False, 'lcharg': False,
}  # fmt: skip
"""One ionic step from atomic charges, stress computed; no symmetry: a glass has none, forces shall not be averaged."""
MACHINE_TAGS = frozenset({'ncore', 'npar', 'kpar', 'nsim', 'lplane', 'lscalu', 'lscalapack', 'nwrite'})
"""Tags that decide where the time goes, not what comes out."""
ADD_FAMILY = (
    'add one: aiida-vasp potcar uploadfamily --path potpaw_PBE.54.tar.gz --name PBE.54 --description "PAW PBE 54"'
)
_ELSEWHERE = {'kspacing': 'k_spacing', 'kgamma': 'k_spacing', 'metagga': 'functional'}
_ENMAX = re.compile(rb'ENMAX\s*=\s*([\d.]+)')


def incar(symbols: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """INCAR of one self-consistent calculation.

    :param symbols: atoms as they stand in the POSCAR.
    :param settings: of ``label_vasp.yaml``.
    :raises ValueError: a setting that makes no sense, by name.
    """
    tags: dict[str, Any] = {name: settings[name] for name in COPIED}
    tags['gga'] = _one_of('functional', settings['functional'], FUNCTIONALS)
    tags['ivdw'] = _one_of('dispersion', settings['dispersion'] or 'none', DISPERSIONS)
    tags |= STATIC
    tags['ispin'] = 2 if settings['spin'] else 1
    if settings['spin']:
        tags['magmom'] = ' '.join(f'{moment:g}' for moment in moments(symbols, settings['magmom']))
        tags['lorbit'] = 10
    for name in ('encut', 'sigma', 'ediff', 'k_spacing', 'nelm'):
        if not settings[name] > 0:
            raise ValueError(f'{name}: {settings[name]!r}, expected a positive number')
    for tag, value in (settings['incar'] or {}).items():
        name = _known_tag(tag)
        if name in tags or name in _ELSEWHERE or name in ('magmom', 'lorbit'):
            raise ValueError(f'incar.{tag}: decided by the setting {_ELSEWHERE.get(name, name)}, not to be given here')
        tags[name] = value
    return tags


def _known_tag(tag: str) -> str:
    from parsevasp.constants import incar_tags

    if tag.lower() in incar_tags:
        return tag.lower()
    near = difflib.get_close_matches(tag.lower(), incar_tags, 1)
    raise ValueError(f'incar.{tag}: VASP has no such tag' + (f'; did you mean {near[0].upper()}?' if near else ''))


def moments(symbols: Sequence[str], magmom: Any) -> list[float]:
    """Magnetic moment that each site starts with, µB.

    :param magmom: moment of each element (``others``: of those not named), or one per site.
    :raises ValueError: an element without moment, or another number of sites.
    """
    if isinstance(magmom, Mapping):
        missing = sorted({symbol for symbol in symbols if symbol not in magmom and 'others' not in magmom})
        if missing:
            raise ValueError(f'magmom: no moment for {", ".join(missing)}; name them, or give `others`')
        return [float(magmom.get(symbol, magmom.get('others'))) for symbol in symbols]
    if isinstance(magmom, (list, tuple)):
        if len(magmom) != len(symbols):
            raise ValueError(f'magmom: {len(magmom)} moments for {len(symbols)} sites')
        return [float(moment) for moment in magmom]
    raise ValueError(
        'magmom: with spin, give the moment of each element to start with, like {V: 2.0, others: 0.6} (µB)'
    )


def k_mesh(cell: FloatArray, k_spacing: float) -> list[int]:
    """Γ-centred mesh whose points are at most ``k_spacing`` apart along each reciprocal vector, as VASP's KSPACING.

    N_i = max(1, ⌈|b_i| / k_spacing⌉) with b_i including the 2π.

    :param cell: (3, 3), Å.
    :param k_spacing: Å⁻¹.
    """
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    return [max(1, int(np.ceil(round(length / k_spacing, 8)))) for length in lengths]


def find_potcars(settings: Mapping[str, Any], elements: Iterable[str]) -> dict[str, Any]:
    """POTCAR of each element, a PotcarData of the family in the settings.

    :raises ValueError: no family given, none of that name, or an element without POTCAR; says what there is.
    """
    from aiida_vasp.data.potcar import PotcarData

    family, names = settings['potential_family'], settings['potcars']
    if not family:
        raise ValueError(f'potential_family: not given; {_families()}')
    if PotcarData.get_potcar_group(family) is None:
        raise ValueError(f'potential_family: no POTCAR family {family!r} in this profile; {_families()}')
    found: dict[str, Any] = {}
    for element in sorted(set(elements)):
        if element not in names:
            raise ValueError(f'potcars: none named for {element}; {_offered(family, element)}')
        nodes = _potcars(family, {'attributes.full_name': names[element]})
        if not nodes:
            raise ValueError(
                f'potcars: the family {family!r} has no {names[element]} for {element}; {_offered(family, element)}'
            )
        found[element] = nodes[0]
    return found


def check_potcars(elements: Iterable[str], settings: Mapping[str, Any], potcars: Mapping[str, Any]) -> str | None:
    """Whether every element has its POTCAR, and the cutoff is high enough for all of them; None: yes."""
    from aiida.common.exceptions import NotExistent

    missing = [element for element in elements if element not in potcars]
    if missing:
        return f'vasp.potcars: none for {", ".join(missing)}; name every element of the study in `elements`'
    for element in elements:
        name, title = potcars[element].full_name, potcars[element].title
        if 'PBE' not in title:
            return f'vasp.potcars: {name} is {title!r}, not made for PBE; take the family that is'
        try:
            enmax = _enmax(potcars[element].sha512)
        except NotExistent:
            return f'vasp.potcars: the file of {name} is not in this profile, only its record; upload the family'
        if enmax > settings['encut']:
            return (
                f'encut: {settings["encut"]} eV is below the ENMAX of POTCAR {name}, {enmax} eV: raise it, '
                f'or take a softer POTCAR; {_offered(settings["potential_family"], element)}'
            )
    return None


@lru_cache(maxsize=256)
def _enmax(sha512: str) -> float:
    """ENMAX in a POTCAR of the profile, eV; 0 where it says none.

    :raises NotExistent: there is no such file.
    """
    from aiida_vasp.data.potcar import PotcarFileData

    found = _ENMAX.search(PotcarFileData.find_one(sha512=sha512).get_content())
    return float(found.group(1)) if found else 0.0


def check_frames(frames: Frames) -> str | None:
    """Whether VASP can label such cells; None: yes."""
    if not all(frames.pbc):
        return f'frames: periodic along {frames.pbc}; VASP knows only cells that are periodic in three directions'
    return None


def _one_of(name: str, value: Any, known: Mapping[str, Any]) -> Any:
    if value not in known:
        raise ValueError(f'{name}: {value!r}; known are {", ".join(known)}')
    return known[value]


def _families() -> str:
    from aiida_vasp.data.potcar import PotcarGroup

    names = sorted(orm.QueryBuilder().append(PotcarGroup, project='label').all(flat=True))
    if names:
        return f'there are {", ".join(names)}'
    return f'there is none; {ADD_FAMILY}'


def _offered(family: str, element: str) -> str:
    names = sorted({node.full_name for node in _potcars(family, {'attributes.element': element})})
    return f'it has {", ".join(names)} for {element}' if names else f'it has nothing for {element}'


def _potcars(family: str, filters: Mapping[str, Any]) -> list[Any]:
    """PotcarData of a family, the oldest first: the one that aiida-vasp takes."""
    from aiida_vasp.data.potcar import PotcarData, PotcarGroup

    query = orm.QueryBuilder().append(PotcarGroup, filters={'label': family}, tag='family')
    query.append(PotcarData, with_group='family', filters=dict(filters))
    return sorted(query.all(flat=True), key=lambda node: (node.ctime, node.pk))
