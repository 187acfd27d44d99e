"""PackmolParser: what packmol left behind, as a configuration or as an exit code."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.calculations.packmol import OUTPUT_FILE, PackingJob
from aiida_glassion.data.frames import FramesData
from aiida_glassion.formats.packmol import PackmolLog, read_log, read_xyz
from aiida_glassion.frames import Frames
from aiida_glassion.kernels.build.packing import shortest_distances, wrap

OVERLAP_TOLERANCE = 0.95
"""Share of a minimum distance that must be kept; packmol's own precision leaves violations of about 1 %."""

UNITS = {
    'density': 'g/cm³',
    'cell': 'Å',
    'shortest_distances': 'Å',
    'minimum_distances': 'Å',
    'radii': 'Å',
    'objective': 'packmol penalty (0: perfect)',
}


class PackmolParser(Parser):
    """Reads packmol's log and configuration, checks atoms and distances, never raises on what a killed run left."""

    def parse(self, **_: Any) -> ExitCode | None:
        """Attach `configuration` and `results`, or return the exit code that says what went wrong."""
        codes = self.exit_codes
        text = self._read(self.node.get_option('output_filename'))
        if not text.strip():
            return self._exit(codes.ERROR_LOG_MISSING)
        log = read_log(text)
        if log.error is not None:
            return self._exit(codes.ERROR_BAD_INPUT.format(reason=log.error))
        if log.imperfect:
            reason = f'objective {log.objective}; lower the density, shorten `minimum_distances` or raise `loops`'
            return self._exit(codes.ERROR_IMPERFECT_PACKING.format(reason=reason))
        if not log.solved:
            return self._exit(codes.ERROR_INCOMPLETE.format(reason=f'its log ends after {text[-60:].split()[-6:]}'))
        return self._configuration(log)

    def _configuration(self, log: PackmolLog) -> ExitCode | None:
        codes = self.exit_codes
        job = PackingJob(self.node.inputs)
        try:
            symbols, positions = read_xyz(self._read(OUTPUT_FILE))
        except ValueError as error:
            return self._exit(codes.ERROR_CONFIGURATION_UNREADABLE.format(reason=str(error)))
        if symbols != job.symbols:
            found = {element: symbols.count(element) for element in sorted(set(symbols))}
            return self._exit(codes.ERROR_WRONG_ATOMS.format(reason=f'{found} instead of {job.counts}'))
        shortest = shortest_distances(symbols, positions, job.lengths)
        frames = Frames(symbols, wrap(positions, job.lengths)[None], np.diag(job.lengths)[None])
        self.out('results', orm.Dict(self._results(job, log, shortest, frames)))
        for molecule in job.molecules:
            for pair, distance in shortest_distances(molecule.symbols, molecule.positions, None).items():
                job.distances[pair] = min(job.distances[pair], distance)
        close = {pair: d for pair, d in shortest.items() if d < OVERLAP_TOLERANCE * job.distances[pair]}
        if close:
            reason = ', '.join(f'{pair} {d:.3f} Å, wanted {job.distances[pair]:.3f} Å' for pair, d in close.items())
            return self._exit(codes.ERROR_OVERLAP.format(reason=reason))
        self.out('configuration', FramesData.from_frames(frames))
        return None

    def _results(self, job: PackingJob, log: PackmolLog, shortest: dict[str, float], frames: Frames) -> dict[str, Any]:
        return {
            'counts': job.counts,
            'units': job.units,
            'n_atoms': frames.n_atoms,
            'density': float(frames.densities[0]),
            'cell': job.lengths,
            'shortest_distances': shortest,
            'minimum_distances': dict(job.distances),
            'radii': job.radii,
            'objective': log.objective,
            'packmol_version': log.version,
            'seed': self.node.inputs.seed.value,
            'units_of': UNITS,
        }

    def _read(self, name: str) -> str:
        """Text of a retrieved file, empty where there is none."""
        if name not in self.retrieved.base.repository.list_object_names():
            return ''
        return str(self.retrieved.base.repository.get_object_content(name, mode='rb').decode('utf-8', errors='replace'))

    def _exit(self, code: ExitCode) -> ExitCode:
        """Log the message where `verdi process report` shows it."""
        self.logger.error(code.message)
        return code
