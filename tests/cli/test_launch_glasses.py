"""The glasses a launcher is given: of which process, under which label, made with which potential."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_glassion.cli.errors import GlassionError
from aiida_glassion.cli.launch_glasses import potential_for, potential_of_glasses, read_glass, read_glasses
from aiida_glassion.data.frames import FramesData
from aiida_glassion.data.potential import PotentialData
from aiida_glassion.frames import Frames

pytestmark = pytest.mark.usefixtures('aiida_profile_clean')


def glass(seed=0, n_frames=1):
    positions = np.random.default_rng(seed).random((n_frames, 3, 3)) * 8
    return FramesData(frames=Frames(('Si', 'O', 'O'), positions, np.tile(np.eye(3) * 8, (n_frames, 1, 1))))


def made_by(label, potential=None, **outputs):
    """A finished WorkChain that handed out nodes."""
    node = orm.WorkChainNode()
    node.set_process_label(label)
    if potential is not None:
        node.base.links.add_incoming(potential, LinkType.INPUT_WORK, 'md__md__potential')
    node.set_process_state('finished')
    node.store()
    for link, data in outputs.items():
        data.store().base.links.add_incoming(node, link_type=LinkType.RETURN, link_label=link)
    return node


@pytest.fixture
def pmmcs(aiida_profile_clean):
    return PotentialData.from_library('pmmcs', elements=['O', 'Si']).store()


@pytest.mark.parametrize(
    ('process', 'output', 'label'),
    [
        ('PorousGlassWorkChain', 'glass', 'porous_{pk}'),
        ('GlassCeramicWorkChain', 'glass', 'ceramic_{pk}'),
        ('FracturePullWorkChain', 'reference', 'glass_{node}'),
        ('MdWorkChain', 'final', 'glass_{node}'),
        ('ElasticWorkChain', 'relaxed__dense', 'dense'),
        ('MeltQuenchWorkChain', 'glass__replica_01_rate_2p5', 'replica_01'),
    ],
)
def test_what_a_process_handed_out(pmmcs, process, output, label):
    node = glass().store()
    study = made_by(process, pmmcs, **{output: node})
    found = read_glass(str(study.pk))
    assert found.node.uuid == node.uuid
    assert found.label == label.format(pk=study.pk, node=node.pk)
    assert f'{process} {study.pk}' in found.origin
    assert found.counts == {'Si': 1, 'O': 2}
    assert potential_of_glasses([found]).uuid == pmmcs.uuid
    of_node = read_glass(str(node.pk))
    assert (of_node.label, potential_of_glasses([of_node]).uuid) == (f'glass_{node.pk}', pmmcs.uuid)


def test_the_glass_comes_before_what_a_pull_left(pmmcs):
    study = made_by('FracturePullWorkChain', pmmcs, final=glass(1).store(), reference=glass(2).store())
    assert read_glass(str(study.pk)).node.uuid == study.outputs.reference.uuid


def test_equal_labels_get_the_process_before_them(pmmcs):
    runs = [made_by('ElasticWorkChain', pmmcs, relaxed__a=glass(n).store()) for n in (1, 2)]
    quenches = [made_by('MeltQuenchWorkChain', pmmcs, glass__a=glass(n).store()) for n in (3, 4)]
    labels = [one.label for one in read_glasses([str(run.pk) for run in (*runs, *quenches)])]
    assert labels == [f'elastic_{run.pk}_a' for run in runs] + [f'mq_{run.pk}_a' for run in quenches]


def test_names_of_ones_own(pmmcs, tmp_path):
    study = made_by(
        'MeltQuenchWorkChain', pmmcs, glass__replica_00=glass(1).store(), glass__replica_01=glass(2).store()
    )
    one = made_by('PorousGlassWorkChain', pmmcs, glass=glass(3).store())
    labels = [found.label for found in read_glasses([f'dense={study.pk}', f'porous={one.pk}'])]
    assert labels == ['dense_replica_00', 'dense_replica_01', 'porous']
    file = tmp_path / 'a=b.xyz'
    glass().frames.to_ase(0).write(file, format='extxyz')
    assert read_glass(str(file)).label == 'a_b'
    assert read_glass(f'dense={file}').label == 'dense'
    for bad in (f'a b={one.pk}', f'={one.pk}', 'dense=', f'a__b={one.pk}', f'_a={one.pk}'):
        with pytest.raises(GlassionError, match='a name of a glass is'):
            read_glasses([bad])


def test_one_glass_is_wanted_and_there_are_two(pmmcs):
    study = made_by('MeltQuenchWorkChain', pmmcs, glass__a=glass(1).store(), glass__b=glass(2).store())
    with pytest.raises(
        GlassionError, match=rf'^{study.pk} has 2 glasses, one is wanted; give the PK of one: \d+ \(a\)'
    ):
        read_glass(str(study.pk))


def test_nothing_there():
    with pytest.raises(GlassionError, match='has no glass among its outputs'):
        read_glass(str(made_by('LabelWorkChain').pk))
    waiting = made_by('PorousGlassWorkChain')
    waiting.set_process_state('waiting')
    with pytest.raises(GlassionError, match='yet'):
        read_glass(str(waiting.pk))
    with pytest.raises(GlassionError, match='no node'):
        read_glass('999999')
    with pytest.raises(GlassionError, match='GLASS: there is no file'):
        read_glass('nothing.xyz')


def test_which_potential(pmmcs):
    given = {'potential': None, 'coulomb': 'pppm', 'valences': ()}
    made = read_glasses([str(made_by('PorousGlassWorkChain', pmmcs, glass=glass(1).store()).pk)])
    assert potential_for(given, made)[0].uuid == pmmcs.uuid
    assert potential_for(given | {'potential': 'teter'}, made)[0].potential.name == 'teter'
    with pytest.raises(ValueError, match='Na'):
        potential_for(given, made, also=['Na'])
    other = read_glasses([str(glass(2).store().pk)])
    with pytest.raises(GlassionError, match=rf'that of {other[0].label} is not known: choose with --potential'):
        potential_for(given, [*made, *other])
