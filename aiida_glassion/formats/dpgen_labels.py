"""How a DP-GEN run labels, as settings of a label engine here: VASP's INCAR, the namelists of pw.x."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiida_glassion.formats.dpgen_notes import Notes

ENGINES = {'vasp': 'vasp', 'pwscf': 'quantumespresso'}
"""``fp_style`` -> name of the engine here."""


def _flag(text: str) -> bool:
    return text.strip('.').upper().startswith('T')


_INCAR: dict[str, tuple[str, Callable[[str], Any]]] = {
    'ENCUT': ('encut', float),
    'KSPACING': ('k_spacing', float),
    'ISMEAR': ('ismear', int),
    'SIGMA': ('sigma', float),
    'PREC': ('prec', str.capitalize),
    'LASPH': ('lasph', _flag),
    'ADDGRID': ('addgrid', _flag),
    'EDIFF': ('ediff', float),
    'ALGO': ('algo', str.capitalize),
    'NELM': ('nelm', int),
    'NELMIN': ('nelmin', int),
}
_DECIDES_NOTHING = ('SYSTEM', 'LWAVE', 'LCHARG', 'LVTOT', 'NWRITE', 'KGAMMA', 'ISTART', 'ICHARG', 'ISYM')
_MOST_OFTEN_LEFT = {
    **dict.fromkeys(('NPAR', 'KPAR', 'NCORE', 'LPLANE', 'NSIM'), 'spreads VASP over processors: label.overrides.incar'),
    **dict.fromkeys(('NSW', 'IBRION', 'ISIF', 'POTIM', 'EDIFFG'), 'every label is of one step, with forces and stress'),
}  # fmt: skip
_VASP_DEFAULTS = {'ismear': 1, 'sigma': 0.2, 'ediff': 1e-4, 'prec': 'Normal', 'lasph': False, 'k_spacing': 0.5}
"""What VASP does where the INCAR is silent, and the protocol here does something else."""
_FUNCTIONALS = {'PE': 'PBE', 'PS': 'PBEsol', 'RP': 'RPBE', 'RE': 'revPBE'}
_DISPERSION = {'0': 'none', '11': 'd3-zero', '12': 'd3-bj'}

_PW = {
    'system': ('ecutwfc', 'ecutrho', 'occupations', 'smearing', 'degauss', 'nspin', 'tot_charge'),
    'electrons': ('electron_maxstep', 'mixing_mode', 'mixing_beta', 'mixing_ndim', 'diagonalization'),
}
_PW_OWN = ('calculation', 'tprnfor', 'tstress', 'outdir', 'pseudo_dir', 'disk_io', 'ntyp', 'nat', 'ibrav', 'prefix',
           'restart_mode', 'verbosity', 'nosym', 'dftd3_version')  # fmt: skip


def label_settings(param: Mapping[str, Any], folder: Path, notes: Notes) -> dict[str, Any]:
    """Engine and overrides of its protocol; what could not be taken over is in the notes.

    :param folder: of the run; paths in the parameters are relative to it.
    """
    style = str(param.get('fp_style', 'none'))
    notes.take('fp_style')
    engine = ENGINES.get(style)
    if engine is None:
        notes.lose('fp_style', f'{style!r} is no engine here; choose lammps, ase, quantumespresso or vasp')
        return {}
    overrides = _vasp(param, folder, notes) if engine == 'vasp' else _espresso(param, notes)
    for key in ('fp_pp_path', 'fp_pp_files'):
        if key in param:
            where = 'label.overrides.potential_family' if engine == 'vasp' else 'label.pseudo_family'
            notes.lose(key, f'pseudopotentials come from a family in this profile: {where}')
    return {'engine': engine, **({'overrides': overrides} if overrides else {})}


def _vasp(param: Mapping[str, Any], folder: Path, notes: Notes) -> dict[str, Any]:
    notes.take('fp_incar')
    path = folder / str(param.get('fp_incar', ''))
    if not path.is_file():
        notes.lose('fp_incar', f'{path} is not there; say how to label in label.overrides')
        return {}
    overrides: dict[str, Any] = {'dispersion': 'none', **_VASP_DEFAULTS}
    for tag, text in read_incar(path.read_text(encoding='utf-8')).items():
        if tag in _INCAR:
            name, convert = _INCAR[tag]
            try:
                overrides[name] = convert(text)
            except ValueError:
                notes.lose(f'fp_incar {tag}', f'{text!r} is not understood')
        elif tag == 'GGA' and text.upper() in _FUNCTIONALS:
            overrides['functional'] = _FUNCTIONALS[text.upper()]
        elif tag == 'IVDW' and text in _DISPERSION:
            overrides['dispersion'] = _DISPERSION[text]
        elif tag == 'LREAL':
            overrides['lreal'] = 'Auto' if text.strip('.').upper().startswith('A') else _flag(text)
        elif tag == 'ISPIN':
            overrides['spin'] = text == '2'
        elif tag not in _DECIDES_NOTHING:
            words = _MOST_OFTEN_LEFT.get(tag, 'put it into label.overrides.incar if the labels need it')
            notes.lose(f'fp_incar {tag}', words)
    if 'encut' not in overrides:
        notes.lose('fp_incar ENCUT', 'absent: VASP takes the largest ENMAX; set label.overrides.encut to it')
    if 'fp_aniso_kspacing' in param:
        notes.lose('fp_aniso_kspacing', 'one k_spacing holds for all directions')
    return overrides


def read_incar(text: str) -> dict[str, str]:
    """Tags of an INCAR and their values as text; comments after ``#`` and ``!``, several tags in a line by ``;``."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        for part in re.split(r'[#!]', line, maxsplit=1)[0].split(';'):
            tag, sign, value = part.partition('=')
            if sign and tag.strip() and value.strip():
                found.setdefault(tag.strip().upper(), value.strip())
    return found


def _espresso(param: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    given = param.get('user_fp_params')
    if not isinstance(given, Mapping):
        notes.lose('fp_params', 'say how to label in label.overrides')
        return {}
    notes.take('user_fp_params')
    overrides: dict[str, Any] = {'occupations': 'fixed'}  # pw.x's own default
    dispersion, version = 'none', 3
    for group, values in given.items():
        if group == 'kspacing':
            overrides['k_spacing'] = float(values)
            notes.change('user_fp_params.kspacing', 'meshes begin at Γ here; even ones are shifted there')
            continue
        for key, value in values.items() if isinstance(values, Mapping) else ():
            name = f'user_fp_params.{group}.{key}'
            if key in _PW.get(group, ()):
                overrides[key] = value
            elif key == 'vdw_corr':
                dispersion = str(value).lower()
            elif key == 'dftd3_version':
                version = int(value)
            elif key == 'input_dft':
                notes.lose(name, 'label.overrides.functional, which must be that of the pseudopotentials')
            elif key == 'conv_thr':
                notes.lose(name, 'is of the whole cell there, label.overrides.conv_thr_per_atom here')
            elif key not in _PW_OWN:
                notes.lose(name, 'not among the settings of label_quantumespresso.yaml')
    is_d3 = dispersion in ('dft-d3', 'grimme-d3')
    if is_d3 and version in (3, 4):
        overrides['dispersion'] = {3: 'd3-zero', 4: 'd3-bj'}[version]
    elif dispersion != 'none':
        notes.lose('user_fp_params.system.vdw_corr', f'{dispersion!r} is not known here')
    return overrides
