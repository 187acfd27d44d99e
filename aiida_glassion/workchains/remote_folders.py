"""The end of a WorkChain that restarts its job: the folders of its jobs are cleaned, as far as there are any."""

from __future__ import annotations

from aiida.common.exceptions import NotExistent
from aiida.engine import BaseRestartWorkChain
from aiida.orm import CalcJobNode


class CleansFolders(BaseRestartWorkChain):
    """Restarts a job, and bears a job that got no folder.

    AiiDA's own cleaning raises there, in the middle of the end of the WorkChain: its exit code is lost, and the folders
    of its other jobs stay.
    """

    def on_terminated(self) -> None:
        """Clean the folders of all jobs below, if that is wanted."""
        super(BaseRestartWorkChain, self).on_terminated()
        if not self.inputs.clean_workdir.value:
            self.report('remote folders will not be cleaned')
            return
        cleaned = []
        for job in self.node.called_descendants:
            if not isinstance(job, CalcJobNode):
                continue
            try:
                job.outputs.remote_folder._clean()
            except (OSError, KeyError, NotExistent):
                continue
            cleaned.append(str(job.pk))
        if cleaned:
            self.report(f'cleaned remote folders of calculations: {" ".join(cleaned)}')
