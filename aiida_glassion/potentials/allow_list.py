"""Which LAMMPS commands a potential may contain.

A potential comes with an archive from somebody else and ends in a LAMMPS script, and a LAMMPS script can start a
shell. So nothing is let through that is not known to be harmless: every command and every word of it is either a
number, an element's place holder, a word in the lists below, or the name of one of the potential's own files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COMMANDS: dict[str, frozenset[str]] = {
    'pair_style': _words(
        'spline linear lookup bitmap pppm ewald msm long cut off none product recursive chunksize shift '
        'atomic relative relative_v fparam aparam checkqeq lgvdw safezone mincap minhbonds enobonds list/blocking '
        'original zerom bj bjm pbe pbesol NULL yes no'
    ),
    'pair_coeff': frozenset({'NULL'}),
    'pair_modify': _words(
        'pair shift mix table table/disp tabinner tabinner/disp tail compute nofdotr special neigh/trim '
        'geometric arithmetic sixthpower yes no lj coul lj/coul'
    ),
    'kspace_style': _words(
        'none ewald ewald/omp ewald/disp ewald/dipole pppm pppm/omp pppm/gpu pppm/kk pppm/cg pppm/cg/omp pppm/tip4p '
        'pppm/disp pppm/disp/omp pppm/stagger msm msm/omp msm/cg'
    ),
    'kspace_modify': _words(
        'collective compute cutoff/adjust diff disp/auto fftbench force force/disp/kspace force/disp/real gewald '
        'gewald/disp kmax/ewald mesh mesh/disp minorder mix/disp order order/disp overlap overlap/disp '
        'pressure/scalar slab splittol wire nozforce ad ik pair geom yes no'
    ),
    'special_bonds': _words('amber charmm dreiding fene lj coul lj/coul angle dihedral one/five yes no'),
    'dielectric': frozenset(),
    'neighbor': _words('bin nsq multi multi/old'),
    'neigh_modify': _words('delay every check once cluster page one binsize yes no'),
    'comm_modify': _words('mode cutoff vel single multi yes no'),
    'fix': _words('all reaxff maxiter dual nowarn'),
}
"""Every command that a potential may use, with the words that may follow it besides numbers, elements and files."""

PAIR_FAMILIES = _words(
    'adp agni airebo allegro atm beck bop born buck buck6d colloid comb comb3 coul deepmd deepspin dispersion '
    'eam edip eim extep gauss gayberne gw harmonic hybrid ilp kolmogorov lcbop lebedeva lennard lj lj96 meam mie '
    'mm3 momb morse multi nb3b nequip nm pace pedone pod polymorphic quip reaxff rebo rebomos resquared smtbq snap '
    'soft srp sw table tersoff thole threebody tip4p ufm uf3 vashishta wf yukawa zbl zero'
)
"""First part of the name of each allowed pair style (``buck`` stands for ``buck``, ``buck/coul/long``, ...).

Not among them, on purpose: ``python`` (runs Python), ``mliap`` (unpickles Python objects), ``kim`` (loads shared
libraries and whole scripts), ``metatomic`` (loads shared libraries), ``list``.
"""

REFUSED_SUFFIXES = ('.so', '.dylib', '.dll', '.py', '.pyc', '.pkl', '.pickle', '.pt', '.pt2', '.sh')
"""Files that hold programs: compiled, Python, pickled objects (``.pt``; TorchScript's ``.pth`` is let through)."""

RUN_FILES = re.compile(
    r'(_aiidasubmit|_scheduler|aiida\.|log\.|input\.|lammps\.|stage_|final\.|stopped\.|committee_|model_devi\.).*'
    r'|.*\.(in|restart|data)'
)
"""Names that an MD run gives to its own files. A potential's file in place of the script would be a script."""

FIX_STYLES = _words(
    'qeq/reaxff qeq/reax qeq/comb qeq/comb/omp qeq/point qeq/shielded qeq/slater qeq/dynamic qeq/fire acks2/reaxff'
)
"""Charge equilibration belongs to some potentials; no other fix does."""

STRANGE = re.compile(r'[^A-Za-z0-9_.+\-*/:{} ]')
NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?')
PLACE_HOLDER = re.compile(r'\{([A-Za-z]+)\}')
ELEMENT = re.compile(r'[A-Z][a-z]?')
PLAIN_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.+\-]*')

QUIP_COEFF = re.compile(
    r'pair_coeff \* \* ([A-Za-z0-9_][A-Za-z0-9_.+\-]*\.xml) "Potential xml_label=[A-Za-z0-9_]+" \{numbers\}'
)
"""The one command with quotes that is let through: QUIP's, which names a potential in an XML file by its label."""


class RefusedCommandError(ValueError):
    """A LAMMPS command of a potential is not on the allow-list."""


_Refuse = Callable[[str], RefusedCommandError]


def check_file_names(names: Collection[str]) -> None:
    """Refuse names that are more than a plain file name or that could be taken for another word of a command.

    :param names: file names.
    :raises RefusedCommandError: a path, an empty or odd name, a number, or a name that the run itself uses.
    """
    for name in names:
        if not PLAIN_NAME.fullmatch(name) or '..' in name or NUMBER.fullmatch(name):
            raise RefusedCommandError(
                f'file name {name!r} is refused: letters, digits and _ . + - only, no folder, not a number'
            )
        if name.lower().endswith(REFUSED_SUFFIXES):
            raise RefusedCommandError(
                f'file {name!r} is refused: files ending in {", ".join(REFUSED_SUFFIXES)} can run code'
            )
        if RUN_FILES.fullmatch(name):
            raise RefusedCommandError(f'file name {name!r} is refused: the run uses such names itself')


def check_commands(commands: Sequence[str], files: Collection[str] = (), elements: Collection[str] = ()) -> None:
    """Let only known and harmless commands through.

    :param commands: command templates, one LAMMPS command each; place holders ``{Si}``, ``{elements}``, ``{numbers}``.
    :param files: names of the files that the potential brings.
    :param elements: elements of the potential: the only ones that may be named.
    :raises RefusedCommandError: a command is refused; the message quotes it and says what is allowed.
    """
    check_file_names(files)
    for command in commands:
        _check(command, frozenset(files), frozenset(elements))
    if sum(command.split()[0] == 'pair_style' for command in commands) != 1:
        raise RefusedCommandError('a potential needs exactly one pair_style command')


def _check(command: str, files: frozenset[str], elements: frozenset[str]) -> None:
    def refuse(why: str) -> RefusedCommandError:
        return RefusedCommandError(f'LAMMPS command {command!r} is refused: {why}')

    quip = QUIP_COEFF.fullmatch(command)
    if quip and quip.group(1) in files:
        return
    strange = STRANGE.search(command)
    if strange:
        raise refuse(f'the character {strange.group()!r} is not allowed (no $, `, &, #, ;, quotes or line breaks)')
    name, *words = command.split() or ['']
    if name not in COMMANDS:
        raise refuse(f'{name!r} is not one of the allowed commands: {", ".join(sorted(COMMANDS))}')
    if name == 'fix':
        words = _check_fix(words, refuse)
    if name == 'pair_coeff':
        _check_types(words[:2], refuse)

    after_file = False
    for word in words:
        if word in files:
            after_file = True
            continue
        holder = PLACE_HOLDER.fullmatch(word)
        known = (
            NUMBER.fullmatch(word)
            or word == '*'
            or word in COMMANDS[name]
            or word in elements
            or (name in ('pair_style', 'pair_coeff') and _is_pair_style(word))
            or (holder and (holder.group(1) in elements or holder.group(1) == 'elements'))
            # the section of a table, or a label inside a library file
            or (name == 'pair_coeff' and after_file and re.fullmatch(r'[A-Za-z0-9_+\-]+', word))
        )
        if not known:
            raise refuse(
                f'{word!r} is neither a number, nor an element of the potential, nor one of its files '
                f'({", ".join(sorted(files)) or "it has none"}), nor an allowed word of {name}'
                + (f', nor an allowed pair style ({", ".join(sorted(PAIR_FAMILIES))})' if name == 'pair_style' else '')
            )


def _is_pair_style(word: str) -> bool:
    return word.split('/', maxsplit=1)[0] in PAIR_FAMILIES and bool(re.fullmatch(r'[a-z0-9_]+(/[a-z0-9_]+)*', word))


def _check_types(words: Sequence[str], refuse: _Refuse) -> None:
    for word in words:
        if word != '*' and not PLACE_HOLDER.fullmatch(word):
            raise refuse(
                f'write {{Si}} rather than {word!r} for an atom type: type numbers depend on the elements of the run'
            )


def _check_fix(words: list[str], refuse: _Refuse) -> list[str]:
    if len(words) < 3 or not re.fullmatch(r'[A-Za-z0-9_]+', words[0]) or words[2] not in FIX_STYLES:
        raise refuse(f'of the fixes only charge equilibration is allowed: {", ".join(sorted(FIX_STYLES))}')
    return [words[1], *words[3:]]
