"""``glassion doctor``: prove each part by a tiny real run, and say what mends what is broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

import click

from aiida_glassion.cli.checks import Finding, Machine, run_checks
from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.profile import load, profile_option
from aiida_glassion.cli.terminal import console, line


@click.command()
@profile_option
@click.option('--json', 'as_json', is_flag=True, help='Write the findings as JSON.')
@click.pass_context
def doctor(ctx: click.Context, profile: str | None, as_json: bool) -> None:
    """Prove each part by a tiny real run: packages, storage, broker, daemon, LAMMPS, Packmol.

    One trivial job stays in the profile where a daemon runs. The exit status is 1 if a needed part fails.
    """
    findings = []
    terminal = console()
    for finding in examine(profile):
        findings.append(finding)
        if not as_json:
            terminal.print(line(finding.verdict, finding.part, finding.seen, finding.mend))
    failed = sum(finding.verdict == 'failed' for finding in findings)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    elif failed:
        terminal.print(f'[bold red]{failed} part{"s" if failed > 1 else ""} failed.[/] Mend the first one first.')
    else:
        terminal.print('[bold green]Everything works.[/]')
    ctx.exit(1 if failed else 0)


def examine(profile: str | None) -> Iterator[Finding]:
    """Load the profile if there is one, and run every check.

    :param profile: name of an AiiDA profile; None: the one a command would use.
    :raises GlassionError: the named profile does not exist.
    """
    try:
        name = load(profile).name
    except GlassionError:
        if profile is not None:
            raise
        name = None
    yield from run_checks(Machine(name))
