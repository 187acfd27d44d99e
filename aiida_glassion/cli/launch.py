"""``glassion launch``: one subcommand for every WorkChain, each in a file of its own."""

from __future__ import annotations

import click

from aiida_glassion.cli.named_commands import NamedCommands

#: name -> (where the command is, what ``glassion launch --help`` says of it).
LAUNCHERS: dict[str, tuple[str, str]] = {
    'melt-quench': ('aiida_glassion.cli.launch_melt_quench:melt_quench', 'From a composition to a glass.'),
    'initial-data': ('aiida_glassion.cli.launch_initial_data:initial_data', 'Structures to be labelled first.'),
    'label': ('aiida_glassion.cli.launch_label:label', 'Energies, forces and virials of frames, by any engine.'),
    'train': ('aiida_glassion.cli.launch_train:train', 'A committee of models from labelled frames.'),
    'analysis': ('aiida_glassion.cli.launch_analysis:analysis', 'The structure of a trajectory, where it lies.'),
    'porous-glass': (
        'aiida_glassion.cli.launch_porous_glass:porous_glass',
        'Pores in a glass, its composition kept, relaxed.',
    ),
    'glass-ceramic': (
        'aiida_glassion.cli.launch_glass_ceramic:glass_ceramic',
        'A crystal in a glass, as spheres, a box or a slab, its interface healed.',
    ),
    'diffusion-sweep': (
        'aiida_glassion.cli.launch_diffusion_sweep:diffusion_sweep',
        'Diffusion, conductivity and their energies of activation, of glasses over temperatures.',
    ),
    'elastic': (
        'aiida_glassion.cli.launch_elastic:elastic',
        'Elastic constants, bulk modulus, E, G and ν of glasses, at 0 K and at temperatures.',
    ),
    'fracture': (
        'aiida_glassion.cli.launch_fracture:fracture',
        'Glasses pulled apart, with a notch and without: E, strength, G_c and K_Ic.',
    ),
    'active-learning': (
        'aiida_glassion.cli.launch_active_learning:active_learning',
        'A potential by a loop that decides by itself, from one study file.',
    ),
}


@click.group(cls=NamedCommands, rooms=LAUNCHERS)
def launch() -> None:
    """Start a study. It says first what it will do and how long that may take."""
