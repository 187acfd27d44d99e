"""Parser of AnalysisCalculation: what the job wrote is kept, however it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_glassion.analysis import store
from aiida_glassion.analysis.__main__ import ERROR_FILE, PROGRESS_FILE, RUN_FILE
from aiida_glassion.analysis.copied import COPIED, read_copied
from aiida_glassion.analysis.run import Outcome
from aiida_glassion.data.frames import FramesData
from aiida_glassion.functions.analysis import outcome_nodes

_CODES = {
    'data': 'ERROR_DATA',
    'request': 'ERROR_REQUEST',
    'memory': 'ERROR_OUT_OF_MEMORY',
    'walltime': 'ERROR_STOPPED_AT_WALLTIME',
    'terminated': 'ERROR_INCOMPLETE',
}
_OUT_OF_MEMORY = ('out of memory', 'oom-kill', 'oom_kill', 'memoryerror', 'cannot allocate memory')
_OUT_OF_TIME = ('due to time limit', 'walltime', 'time limit exceeded')


class AnalysisParser(Parser):
    """Read the outcome, whole or partial, and the error that ended the job, if any."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse what was retrieved."""
        outcome, damage = self._outcome(kwargs.get('retrieved_temporary_folder'))
        run = self._json(RUN_FILE)
        if run:
            self.out('run', orm.Dict(run))
        if outcome is not None:
            for label, node in outcome_nodes(outcome).items():
                self.out(label, node)
        spoilt = self._out_copied(kwargs.get('retrieved_temporary_folder'))
        if outcome is not None and outcome.complete and run and not spoilt:
            return self._of_failed(outcome)
        error = self._json(ERROR_FILE)
        name = _CODES.get(str(error.get('kind')), '') or self._told_by_scheduler()
        if not name:
            name = 'ERROR_NO_OUTPUT' if outcome is None else 'ERROR_INCOMPLETE'
        reason = str(error.get('message') or damage or spoilt or self._last_words())[:500]
        code: ExitCode = getattr(self.exit_codes, name)
        return code.format(reason=f'{reason} ({self._how_far(outcome)})')

    def _outcome(self, folder: str | None) -> tuple[Outcome | None, str]:
        """What the job wrote last, and why there is none."""
        if folder is None:
            return None, ''
        found = next((path.parent for path in Path(folder).rglob(store.NUMBERS)), None)
        if found is None:
            return None, ''
        try:
            return store.read(found), ''
        except (OSError, ValueError) as error:
            return None, str(error)

    def _out_copied(self, folder: str | None) -> str:
        """Give out the frames that were copied, as many as are whole; what is wrong with them is returned."""
        if folder is None or 'copy_every' not in self.node.inputs:
            return ''
        try:
            frames = read_copied(Path(folder))
        except ValueError as error:
            return str(error)
        if frames is None:
            return f'{COPIED} holds no frame'
        self.out('copied', FramesData(frames=frames))
        return ''

    def _of_failed(self, outcome: Outcome) -> ExitCode | None:
        if not outcome.failed:
            return None
        told = '; '.join(f'{kind}: {reason}' for kind, reason in outcome.failed.items())
        code: ExitCode = self.exit_codes.ERROR_SOME_FAILED
        return code.format(reason=told[:500])

    def _how_far(self, outcome: Outcome | None) -> str:
        progress = self._json(PROGRESS_FILE)
        if outcome is not None:
            return f'the results are those of {outcome.n_frames} of {outcome.n_requested} frames'
        if 'done' in progress:
            return f'{progress["done"]} of {progress.get("total")} frames were done, no results had been written'
        return 'no frame was done'

    def _told_by_scheduler(self) -> str:
        told = {110: 'ERROR_OUT_OF_MEMORY', 120: 'ERROR_STOPPED_AT_WALLTIME'}.get(self.node.exit_status or 0, '')
        if told:
            return told
        words = self._text(self.node.get_option('scheduler_stderr')) + self._text(
            self.node.get_option('output_filename')
        )
        if any(sign in words.lower() for sign in _OUT_OF_MEMORY):
            return 'ERROR_OUT_OF_MEMORY'
        return 'ERROR_STOPPED_AT_WALLTIME' if any(sign in words.lower() for sign in _OUT_OF_TIME) else ''

    def _last_words(self) -> str:
        for name in (self.node.get_option('output_filename'), self.node.get_option('scheduler_stderr')):
            lines = self._text(name).strip().splitlines()
            if lines:
                return lines[-1]
        return 'the job left no word'

    def _text(self, name: str | None) -> str:
        if not name or name not in self.retrieved.base.repository.list_object_names():
            return ''
        content: bytes = self.retrieved.base.repository.get_object_content(name, mode='rb')
        return content.decode('utf-8', 'replace')

    def _json(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self._text(name) or '{}')
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
