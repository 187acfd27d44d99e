"""Requests: what they may ask for, and what a wrong one is told."""

from __future__ import annotations

import pytest

from aiida_glassion.analysis.base import KINDS
from aiida_glassion.analysis.request import Request, read_request


def test_defaults_are_written_out():
    request = read_request({'analyses': {'rdf': {}}})
    assert request.as_dict() == {
        'analyses': {'rdf': {'r_max': None, 'bin_width': 0.01}},
        'cutoffs': {},
        'first': 0,
        'last': None,
        'every': 1,
    }


def test_requests_that_mean_the_same_are_the_same():
    ways = [
        {'analyses': ['rdf']},
        {'analyses': {'rdf': None}, 'first': 0},
        {'analyses': {'rdf': {'bin_width': 0.01}}, 'cutoffs': {}, 'every': 1},
    ]
    assert len({str(read_request(way).as_dict()) for way in ways}) == 1
    pairs = ({'Si-O': 2.2, 'O-P': 2.0}, {'P-O': 2, 'O-Si': 2.2})
    assert len({str(read_request({**ways[0], 'cutoffs': given}).as_dict()) for given in pairs}) == 1
    assert read_request(read_request(ways[0]).as_dict()) == read_request(ways[0])


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ({}, 'analyses: none given, expected .*rdf'),
        ({'analyses': {}}, 'analyses: none given'),
        ({'analysis': ['rdf'], 'analyses': ['rdf']}, 'analysis: no such setting of a request; did you mean analyses?'),
        ({'analyses': ['rfd']}, "there is no 'rfd'; did you mean rdf?"),
        ({'analyses': {'rdf': {'rmax': 8}}}, 'rdf.rmax: no such setting; did you mean r_max?'),
        ({'analyses': {'rdf': {'r_max': -8}}}, r'rdf.r_max: .*greater than 1 \(given: -8\)'),
        ({'analyses': {'rdf': {'r_max': float('nan')}}}, 'rdf.r_max: .*finite'),
        ({'analyses': {'rdf': 3}}, 'rdf: 3, expected a dictionary'),
        ({'analyses': ['rdf'], 'cutoffs': {'SiO': 2}}, "cutoffs: 'SiO', expected a pair of elements such as Si-O"),
        ({'analyses': ['rdf'], 'cutoffs': {'Si-O': 2, 'O-Si': 2}}, 'given twice'),
        ({'analyses': ['rdf'], 'cutoffs': {'Si-O': 'x'}}, "Si-O is 'x', expected a distance in Å"),
        ({'analyses': ['rdf'], 'cutoffs': {'Si-O': True}}, 'Si-O is True'),
        ({'analyses': ['rdf'], 'every': 0}, 'every: .*greater than or equal to 1'),
        ({'analyses': ['rdf'], 'first': 5, 'last': 2}, 'last: 2, before first, which is 5'),
        ('rdf', 'expected a dictionary'),
    ],
)
def test_a_wrong_request_names_the_setting(given, message):
    with pytest.raises(ValueError, match=message):
        read_request(given)


def test_every_problem_is_told_at_once():
    with pytest.raises(ValueError) as error:  # noqa: PT011 - three messages are looked for
        read_request({'analyses': {'rdf': {'rmax': 8}, 'xyz': {}}, 'every': -1})
    assert all(text in str(error.value) for text in ('rmax', "'xyz'", 'every'))


def test_a_kind_without_its_module_is_told_only_when_asked_for(monkeypatch):
    monkeypatch.setitem(KINDS, 'dreams', 'dreams:DreamAnalysis')
    assert isinstance(read_request({'analyses': ['rdf']}), Request)
    with pytest.raises(ValueError, match='dreams is not available in this installation'):
        read_request({'analyses': ['rdf', 'dreams']})
