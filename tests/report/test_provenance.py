"""The provenance picture of a graph of real nodes."""

from __future__ import annotations

from xml.etree import ElementTree

from aiida_glassion.report.provenance import read_provenance
from aiida_glassion.report.provenance_picture import HEIGHT, WIDTH, as_svg, lay_out, shortened


def test_the_tree_is_the_graph(study_builder):
    study_builder.replicas = 2
    node = study_builder.build()
    provenance = read_provenance(node)
    assert provenance.n_processes == 1 + len(node.called_descendants)
    assert provenance.n_folded == 0
    names = [step.name for step in provenance.root.calls]
    assert names == ['apportion_atoms', 'replica_00', 'replica_01', 'average_rate_100', 'average_curves_rate_100']
    replica = provenance.root.calls[1]
    assert [step.name for step in replica.calls] == [
        'pack',
        'melt',
        'judge_melt',
        'quench_rate_100',
        'analyse_rate_100',
    ]
    job = replica.calls[3].calls[0]
    assert [name for name, _ in job.data] == ['glass.rate_100']
    assert dict(provenance.inputs)['composition'].startswith('20Na2O-80SiO2')


def test_many_replicas_are_folded_and_it_says_so(study_builder):
    study_builder.replicas, study_builder.failed = 6, {5}
    node = study_builder.build()
    provenance = read_provenance(node)
    replicas = [step for step in provenance.root.calls if 'Replica' in step.detail]
    assert [step.name for step in replicas] == ['replica_00', 'replica_01', 'replica_05']
    assert replicas[-1].state == 'failed'
    folded = [step for step in provenance.root.calls if step.state == 'folded']
    assert len(folded) == 1
    assert folded[0].name.startswith('3 more')
    drawn = sum(1 for step in provenance.root.walk() if step.state != 'folded')
    assert drawn + provenance.n_folded == provenance.n_processes == 1 + len(node.called_descendants)
    svg = as_svg(provenance)
    assert f'{provenance.n_folded} of them folded' in svg


def test_no_box_covers_another_and_all_are_inside(study_builder):
    study_builder.failed = {1}
    drawing = lay_out(read_provenance(study_builder.build()))
    for index, one in enumerate(drawing.boxes):
        assert 0 <= one.x <= drawing.width - WIDTH
        assert 0 <= one.y <= drawing.height - HEIGHT
        for other in drawing.boxes[index + 1 :]:
            assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT, (one, other)


def test_svg_is_well_formed_and_escaped(study_builder):
    study_builder.replicas = 1
    study_builder.composition = '<script>&"</script>'
    root = ElementTree.fromstring(as_svg(read_provenance(study_builder.build())))
    assert not [item for item in root.iter() if item.tag.endswith('script')]
    assert not [name for item in root.iter() for name in item.attrib if 'href' in name]


def test_long_names_keep_their_ends():
    assert shortened('short') == 'short'
    cut = shortened('T_0423K_replica_2_of_a_very_long_name_17', 20)
    assert len(cut) == 20
    assert cut.endswith('17')
    assert cut.startswith('T_0423K')
