"""A DP-GEN run as it lies on disk: its ``param.json``, the data it began with, the data of its iterations.

Layout and meaning of the keys: https://docs.deepmodeling.com/projects/dpgen/en/latest/run/ (versions 0.10 to 0.14).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PARAM_FILES = ('param.json', 'param.yaml', 'param.yml')
NEEDED = ('type_map', 'init_data_sys', 'sys_configs', 'default_training_param', 'model_devi_jobs', 'numb_models')
_LAST_TASK = 8
_HDF5 = ('.hdf5', '.h5')


@dataclass
class DpgenRun:
    """What is in the folder of a DP-GEN run.

    :param folder: where ``dpgen run`` was started.
    :param file: its parameters, as given to it.
    :param param: content of that file, without keys that begin with ``_`` (comments).
    :param initial: folders and files of the data that it began with.
    :param iterations: folders of what was labelled, by the number of the iteration (0, 1 …).
    :param configurations: files of each system of ``sys_configs``, by its number.
    :param finished: how many iterations were finished, by ``record.dpgen``.
    :param missing: what the parameters name and is not there, in words.
    """

    folder: Path
    file: Path
    param: dict[str, Any]
    initial: list[Path] = field(default_factory=list)
    iterations: dict[int, list[Path]] = field(default_factory=dict)
    configurations: dict[int, list[Path]] = field(default_factory=dict)
    finished: int = 0
    missing: list[str] = field(default_factory=list)


def read_run(folder: str | Path, file: str | Path | None = None) -> DpgenRun:
    """Read a run's parameters and find its data; nothing of the data themselves is read.

    :param folder: where ``dpgen run`` was started.
    :param file: its parameters; None: the only one of the usual names in the folder.
    :raises ValueError: no parameters there, or not those of ``dpgen run``; the message names file and key.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f'{folder}: there is no such folder')
    path = Path(file) if file is not None else _find_param(folder)
    param = read_param(path)
    run = DpgenRun(folder, path, param, finished=_finished(folder / 'record.dpgen'))
    _find_initial(run)
    for iteration in sorted(folder.glob('iter.*')):
        digits = iteration.name.partition('.')[2]
        data = sorted(part for part in iteration.glob('02.fp/data.*') if _has_sets(part))
        if digits.isdigit() and data:
            run.iterations[int(digits)] = data
    for number, patterns in enumerate(param['sys_configs']):
        run.configurations[number] = _find_configurations(run, number, patterns)
    return run


def read_param(path: Path) -> dict[str, Any]:
    """Content of a file of parameters, JSON or YAML by its name, as DP-GEN reads them.

    :raises ValueError: it cannot be read, or lacks what every run has; the message says where.
    """
    if not path.is_file():
        raise ValueError(f'{path}: there is no such file')
    text = path.read_text(encoding='utf-8')
    try:
        content = json.loads(text) if path.suffix == '.json' else yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise ValueError(f'{path}, line {error.lineno}: not JSON: {error.msg}') from error
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        where = f', line {mark.line + 1}' if mark else ''
        raise ValueError(f'{path}{where}: not YAML: {getattr(error, "problem", None) or error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: expected the parameters of dpgen run by name, such as "type_map": ["O", "Si"]')
    param: dict[str, Any] = without_comments(content)
    lacking = [key for key in NEEDED if key not in param]
    if lacking:
        raise ValueError(f'{path}: {", ".join(lacking)} missing, which every input of dpgen run has')
    kinds: dict[str, type] = {key: list for key in ('type_map', 'init_data_sys', 'sys_configs', 'model_devi_jobs')}
    for key, kind in {**kinds, 'default_training_param': dict}.items():
        if not isinstance(param[key], kind):
            wanted = 'a list' if kind is list else 'settings by name'
            raise ValueError(f'{path}: {key} is {type(param[key]).__name__}, expected {wanted}')
    return param


def without_comments(content: Any) -> Any:
    """Drop keys that begin with ``_``, at any depth: DP-GEN's way of commenting JSON."""
    if isinstance(content, Mapping):
        return {k: without_comments(v) for k, v in content.items() if not str(k).startswith('_')}
    return [without_comments(entry) for entry in content] if isinstance(content, list) else content


def expand_indices(given: list[Any]) -> list[int]:
    """Numbers of systems; text like ``0-6:2`` stands for 0, 2, 4 (the end is not included).

    :raises ValueError: neither a number nor such text.
    """
    found: list[int] = []
    for entry in given:
        text = re.fullmatch(r'(\d+)-(\d+)(?::(\d+))?', str(entry))
        if isinstance(entry, int) and not isinstance(entry, bool):
            found.append(entry)
        elif text:
            found += range(int(text[1]), int(text[2]), int(text[3] or 1))
        else:
            raise ValueError(f'sys_idx: {entry!r} given, expected a number or a range like 0-4')
    return found


def _find_param(folder: Path) -> Path:
    found = [folder / name for name in PARAM_FILES if (folder / name).is_file()]
    if len(found) != 1:
        names = ', '.join(path.name for path in found) or f'none of {", ".join(PARAM_FILES)}'
        raise ValueError(f'{folder}: {names} there; name the file of parameters that dpgen run was given')
    return found[0]


def _finished(record: Path) -> int:
    """Iterations whose last task is recorded; a line is ``iteration task``."""
    if not record.is_file():
        return 0
    pairs = [line.split() for line in record.read_text(encoding='utf-8').splitlines()]
    done = [int(p[0]) for p in pairs if len(p) == 2 and all(x.isdigit() for x in p) and int(p[1]) == _LAST_TASK]
    return max(done) + 1 if done else 0


def _find_initial(run: DpgenRun) -> None:
    prefix = run.folder / str(run.param.get('init_data_prefix') or '')
    for name in run.param['init_data_sys']:
        path = prefix / str(name)
        if path.is_dir() or (path.suffix in _HDF5 and path.is_file()):
            run.initial.append(path)
        else:
            run.missing.append(f'init_data_sys: {path} is not there')


def _find_configurations(run: DpgenRun, number: int, patterns: Any) -> list[Path]:
    prefix = run.folder / str(run.param.get('sys_configs_prefix') or '')
    found: list[Path] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns or []:
        path = prefix / str(pattern)
        parts = path.parts[1:] if path.is_absolute() else path.parts
        matches = sorted(Path(path.anchor or '.').glob(str(Path(*parts))))
        if not matches:
            run.missing.append(f'sys_configs[{number}]: no file matches {path}')
        found += matches
    return found


def _has_sets(folder: Path) -> bool:
    return folder.is_dir() and any(folder.rglob('type.raw'))
