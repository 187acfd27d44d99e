"""Python and the packages: are the versions those that the project asks for?"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from aiida_glassion.cli.checks import Finding, Machine, check


@check('python', order=0)
def python(machine: Machine) -> Iterator[Finding]:
    """Compare what is installed with what the project requires."""
    from packaging.requirements import Requirement

    wrong = []
    for text in metadata.requires('aiida-glassion') or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({'extra': ''}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f'{requirement.name} is missing')
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f'{requirement.name} {version} is not {requirement.specifier}')
    names = ('aiida-glassion', 'aiida-core', 'aiida-lammps', 'numpy')
    seen = ', '.join(
        [f'{platform.python_version()}', *(f'{name} {metadata.version(name)}' for name in names if name not in wrong)]
    )
    if wrong:
        yield Finding('python', 'failed', '; '.join(wrong), 'pip install --upgrade aiida-glassion')
    else:
        yield Finding('python', 'ok', seen)
