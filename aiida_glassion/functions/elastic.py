"""Calcfunctions of elastic runs: what the strains of one sample tell, and what all samples tell together."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_glassion.kernels.mechanics.elastic_measure import measure_job
from aiida_glassion.kernels.mechanics.elastic_plan import plan_jobs
from aiida_glassion.kernels.mechanics.elastic_sample import CURVE_UNITS, analyse_sample
from aiida_glassion.kernels.mechanics.elastic_settings import read_settings
from aiida_glassion.kernels.mechanics.elastic_summary import summarise


@calcfunction
def report_elastic_sample(settings: orm.Dict, about: orm.Dict, **thermo: orm.ArrayData) -> dict[str, Any]:
    """Bulk modulus, elastic constants and moduli of one sample at one temperature: ``results`` and ``curves``.

    :param settings: as of the sample.
    :param about: ``temperature`` K, ``n_atoms``, and ``failed``: reasons by label of the jobs that failed.
    :param thermo: thermodynamic output of the jobs that ended, by label; stresses GPa, cells Å.
    """
    read, told = read_settings(settings.get_dict()), about.get_dict()
    jobs = plan_jobs(read, told['temperature'])
    measured = [one for job in jobs if job.label in thermo for one in measure_job(job, thermo[job.label].arrays)]
    found = analyse_sample(read, told['temperature'], told['n_atoms'], measured, told['failed'])
    curves = orm.ArrayData(found.curves)
    units = {name: CURVE_UNITS[name.rpartition('__')[2]] for name in found.curves}
    curves.base.attributes.set('units', units)
    return {'results': orm.Dict(found.results), 'curves': curves}


@calcfunction
def summarise_elastic(plan: orm.Dict, **samples: orm.Dict) -> orm.Dict:
    """All samples together: moduli and elastic constants of each, GPa, and their means over replicas.

    :param plan: ``samples``: by label ``glass``, ``temperature`` K, ``counts`` of atoms by element and, where it
        failed, ``reason``.
    :param samples: results of the samples that have them, by label.
    """
    return orm.Dict(summarise(plan.get_dict()['samples'], {label: node.get_dict() for label, node in samples.items()}))
