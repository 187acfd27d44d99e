"""Write the curve that stands in for a measurement in this example. It is SYNTHETIC: no instrument was involved.

The neutron S(Q) of the second glass, broadened as by a diffractometer and with noise, so that it can be compared with
the first: two glasses of one composition, quenched in the same way, differ by about what is seen then.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiida_glassion.analysis.request import read_request
from aiida_glassion.analysis.run import analyse
from aiida_glassion.analysis.sources import open_source

HERE = Path(__file__).parent
settings = {'radiations': ['neutron'], 'resolution': 0.03, 'q_max': 20.0}
request = read_request({'analyses': {'scattering': settings}})
curve = analyse(request, open_source(HERE / 'glass_2.extxyz')).results['scattering'].curves['S_neutron']
q = np.arange(0.6, 20.0, 0.04)
error = 0.004 + 0.0006 * q
s = np.interp(q, curve.x, curve.y) + error * np.random.default_rng(20).normal(size=len(q))
head = (
    'SYNTHETIC curve, not a measurement: made by make_measured.py from glass_2.extxyz\n'
    'neutron, total structure factor S(Q) (Faber-Ziman)\nQ (1/angstrom)  S(Q)  error'
)
np.savetxt(HERE / 'synthetic_neutron.sq', np.column_stack([q, s, error]), fmt='%8.4f %9.5f %9.5f', header=head)
