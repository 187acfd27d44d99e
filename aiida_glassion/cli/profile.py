"""Which AiiDA profile a command works in."""

from __future__ import annotations

import difflib
import warnings
from typing import TYPE_CHECKING, Any

import click

from aiida_glassion.cli.errors import GlassionError

if TYPE_CHECKING:
    from aiida.manage.configuration import Config, Profile

#: name of the profile that ``glassion setup`` makes.
NAME = 'glassion'


def profile_option(command: Any) -> Any:
    """Add ``--profile NAME`` to a command, also read from ``GLASSION_PROFILE``."""
    return click.option(
        '-p',
        '--profile',
        'profile',
        envvar='GLASSION_PROFILE',
        metavar='NAME',
        help=f'AiiDA profile. Default: `{NAME}` if there is one, else the default profile of AiiDA.',
    )(command)


def configuration(create: bool = False) -> Config:
    """Return AiiDA's configuration.

    :param create: make an empty one where there is none.
    :raises GlassionError: there is none.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='Creating AiiDA configuration folder')
        from aiida.common.exceptions import MissingConfigurationError
        from aiida.manage.configuration import get_config
    try:
        return get_config(create=create)
    except MissingConfigurationError:
        raise GlassionError('There is no AiiDA profile on this machine yet.', mend='glassion setup') from None


def chosen(config: Config, name: str | None = None) -> str:
    """Return the name of the profile to use: the one named, else ``glassion``, else AiiDA's default.

    :raises GlassionError: the named profile does not exist, or there is none at all.
    """
    if name is None:
        name = NAME if NAME in config.profile_names else config.default_profile_name
    if name is None:
        raise GlassionError('There is no AiiDA profile on this machine yet.', mend='glassion setup')
    if name not in config.profile_names:
        near = difflib.get_close_matches(name, config.profile_names, n=1)
        known = f'Did you mean `{near[0]}`?' if near else f'There are: {", ".join(config.profile_names) or "none"}.'
        mend = None if near else f'glassion setup --profile {name}'
        raise GlassionError(f'There is no AiiDA profile named `{name}`. {known}', mend, exit_code=2)
    return name


def load(name: str | None = None) -> Profile:
    """Load the profile to use and return it.

    :param name: name of the profile; see :func:`chosen`.
    :raises GlassionError: there is no such profile, with the command that makes one.
    """
    config = configuration()
    from aiida.manage.configuration import load_profile

    return load_profile(chosen(config, name), allow_switch=True)
