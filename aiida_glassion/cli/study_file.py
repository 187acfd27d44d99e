"""A study of active learning in one YAML file: its keys, their lines, and all that is wrong with them, said at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_glassion.cli.errors import GlassionError

_FREE = None
_JOB = {'ranks': 'count', 'threads': 'count', 'walltime': 'walltime', 'options': _FREE}

#: every key: a nested mapping, or what its value must be; None: checked where it is used.
KEYS: dict[str, Any] = {
    'title': 'text',
    'crystals': _FREE,
    'mixtures': _FREE,
    'initial': {
        'protocol': 'text', 'overrides': _FREE, 'potential': _FREE, 'coulomb': 'text', 'code': 'text',
        'packmol': 'text', 'dft_code': 'text', 'dft_protocol': 'text', 'dft_overrides': _FREE, 'pseudo_family': 'text',
        'max_concurrent': 'count', **_JOB,
    },
    'datasets': _FREE,
    'test': _FREE,
    'configurations': _FREE,
    'reference': _FREE,
    'label': {
        'engine': 'text', 'code': 'text', 'protocol': 'text', 'overrides': _FREE, 'potential': _FREE,
        'coulomb': 'text', 'files': _FREE, 'pseudo_family': 'text', 'parallelization': _FREE,
        'elements': _FREE, 'gate': 'text', 'settings': _FREE, 'max_concurrent': 'count',
        'tolerated_failures': 'fraction', **_JOB,
    },
    'train': {'protocol': 'text', 'overrides': _FREE, 'code': 'text', 'max_concurrent': 'count', **_JOB},
    'explore': {
        'protocol': 'text', 'stages': _FREE, 'run': _FREE, 'code': 'text', 'max_concurrent': 'count',
        'tolerated_failures': 'fraction', **_JOB,
    },
    'protocol': 'text',
    'settings': _FREE,
    'seed': 'seed',
}  # fmt: skip
_MAPPINGS = (
    'crystals', 'mixtures', 'datasets', 'test', 'configurations', 'reference', 'settings', 'label.overrides',
    'label.settings', 'train.overrides', 'initial.overrides', 'initial.dft_overrides', 'explore.run', 'label.options',
    'train.options', 'explore.options', 'initial.options',
)  # fmt: skip


class StudyError(GlassionError):
    """A study that cannot be submitted; every reason is in the message."""


@dataclass
class Study:
    """What a study file says, and everything found wrong with it so far.

    :param path: the file; paths in it are relative to its folder.
    :param content: sections by name.
    :param lines: line of each key by its dotted path, 1 is the first.
    :param problems: in words, each with its line and key.
    """

    path: Path
    content: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def get(self, where: str, default: Any = None) -> Any:
        """Value at a dotted path; null counts as not given."""
        value: Any = self.content
        for key in where.split('.'):
            value = value.get(key) if isinstance(value, Mapping) else None
        return default if value is None else value

    def section(self, name: str) -> dict[str, Any]:
        """Settings by name in a section, without those that are null."""
        found = self.get(name, {})
        return {key: value for key, value in found.items() if value is not None} if isinstance(found, Mapping) else {}

    def problem(self, where: str, words: str) -> None:
        """Note what is wrong at a key."""
        line = self._line(where)
        text = f'{f"line {line}: " if line else ""}{where}: {words}' if where else words
        if text not in self.problems:
            self.problems.append(text)

    @contextmanager
    def checking(self, where: str) -> Iterator[None]:
        """Note an error inside as a problem at a key, and go on."""
        from aiida.common.exceptions import AiidaException

        try:
            yield
        except GlassionError as error:
            mend = f' (mend it with: {error.mend})' if error.mend else ''
            self.problem(where, f'{_without_option(error.message)}{mend}')
        except (ValueError, TypeError, OSError, AiidaException) as error:
            self.problem(where, _without_option(' '.join(str(error).split()) or type(error).__name__))

    def check(self) -> None:
        """Stop if anything was wrong.

        :raises StudyError: with every problem on a line of its own.
        """
        if self.problems:
            many = f'{len(self.problems)} things are wrong' if len(self.problems) > 1 else 'one thing is wrong'
            listed = ''.join(f'\n  - {problem}' for problem in self.problems)
            raise StudyError(f'{self.path}: {many}; nothing was submitted.{listed}', exit_code=2)

    def _line(self, where: str) -> int | None:
        """Line of a key, or of the nearest one above it."""
        keys = where.split('.')
        known = ('.'.join(keys[:length]) for length in range(len(keys), 0, -1))
        return next((self.lines[path] for path in known if path in self.lines), None)


def read_study(path: Path, changes: Sequence[tuple[str, Any]] = ()) -> Study:
    """Read a study file and check its keys and the kinds of their values.

    :param path: the file.
    :param changes: dotted paths and values laid over it.
    :raises GlassionError: there is no such file, or it is not YAML.
    """
    from aiida_glassion.cli.launch_inputs import nested

    content, lines, twice = read_yaml(path)
    study = Study(path, content, lines)
    for where in twice:
        study.problem(where, 'given twice; YAML would silently take the last')
    for where, value in changes:
        try:
            lay_over(study.content, nested(where, value, study.content))
        except ValueError as error:
            study.problem('', str(error))
    _check(study, study.content, KEYS, '')
    for where in _MAPPINGS:
        value = study.get(where)
        if value is not None and not isinstance(value, Mapping):
            study.problem(where, f'{value!r} given, expected entries by name')
            _drop(study.content, where)
    return study


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int], list[str]]:
    """Content of a YAML file, the line of each key, and keys that stand there twice.

    :raises GlassionError: it cannot be read, or holds no settings by name.
    """
    import yaml

    if not path.is_file():
        raise GlassionError(f'There is no file {path}.', exit_code=2)
    try:
        text = path.read_text(encoding='utf-8')
        content = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, 'problem_mark', None)
        where = f', line {mark.line + 1}' if mark else ''
        raise GlassionError(f'{path}{where}: not YAML: {getattr(error, "problem", error)}', exit_code=2) from None
    if not isinstance(content, dict):
        raise GlassionError(f'{path}: expected settings by name, such as label: {{engine: lammps}}.', exit_code=2)
    lines: dict[str, int] = {}
    twice: list[str] = []
    _note_lines(tree, '', set(), lines, twice)
    return content, lines, twice


def lay_over(base: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Lay a nested mapping over another, in place."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            lay_over(base[key], value)
        else:
            base[key] = dict(value) if isinstance(value, Mapping) else value


def _note_lines(node: Any, path: str, seen: set[int], lines: dict[str, int], twice: list[str]) -> None:
    """Walk a tree of YAML; a part that stands in several places by an alias is walked once."""
    from yaml.nodes import MappingNode, SequenceNode

    if id(node) in seen:
        return
    seen.add(id(node))
    prefix = f'{path}.' if path else ''
    if isinstance(node, MappingNode):
        names = [str(getattr(key, 'value', key)) for key, _ in node.value]
        twice += [f'{prefix}{name}' for name in dict.fromkeys(names) if names.count(name) > 1 and name != '<<']
        parts = [(name, key, value) for name, (key, value) in zip(names, node.value, strict=True)]
    elif isinstance(node, SequenceNode):
        parts = [(str(index), entry, entry) for index, entry in enumerate(node.value)]
    else:
        return
    for name, key, value in parts:
        lines.setdefault(f'{prefix}{name}', key.start_mark.line + 1)
        _note_lines(value, f'{prefix}{name}', seen, lines, twice)


def _check(study: Study, content: dict[str, Any], known: Mapping[str, Any], path: str) -> None:
    """Unknown keys and values of the wrong kind are problems; both are taken out, so that the rest can be read."""
    for key in list(content):
        where, value = f'{path}{key}', content[key]
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean '{near[0]}'?" if near else f'; known are {", ".join(known)}'
            study.problem(where, f'not known{hint}')
            del content[key]
        elif isinstance(known[key], Mapping) and value is not None:
            if isinstance(value, dict):
                _check(study, value, known[key], f'{where}.')
            else:
                study.problem(where, f'{value!r} given, expected settings by name: {", ".join(known[key])}')
                del content[key]
        elif known[key] is not _FREE and value is not None and not isinstance(known[key], Mapping):
            problem = _KINDS[known[key]](value)
            if problem:
                study.problem(where, f'{value!r} given, expected {problem}')
                del content[key]


def _drop(content: dict[str, Any], where: str) -> None:
    *above, last = where.split('.')
    for key in above:
        content = content[key]
    del content[last]


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_fraction(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_walltime(value: Any) -> bool:
    if _whole(value, 1):
        return True  # YAML reads 12:00:00 as a number of seconds
    parts = str(value).split(':')
    return isinstance(value, str) and len(parts) == 3 and all(part.isdigit() for part in parts)


_KINDS: dict[str, Any] = {
    'text': lambda value: None if isinstance(value, str) else 'a word or text',
    'count': lambda value: None if _whole(value, 1) else 'a whole number of at least 1',
    'seed': lambda value: None if _whole(value, 0) and value < 2**31 else 'a whole number from 0 to 2147483647',
    'fraction': lambda value: None if _is_fraction(value) else 'a fraction, 0 to 1',
    'walltime': lambda value: None if _is_walltime(value) else 'a time as HH:MM:SS, e.g. 12:00:00, or seconds',
}


def _without_option(text: str) -> str:
    """A message of another launcher without the name of its option."""
    name, sign, rest = text.partition(': ')
    return rest if sign and name.startswith('--') and ' ' not in name else text
