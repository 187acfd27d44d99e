"""Process graphs made of real nodes, as WorkChains would leave them, without running anything."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)


class GraphBuilder:
    """Stores processes, the data they make, and the links between them."""

    def __init__(self) -> None:
        self.returned: list[tuple] = []

    def process(self, kind, label, parent=None, link=None, inputs=None, status=0, message='', running=False, **more):
        """A stored process with its inputs; outputs come later.

        :param more: ``minutes`` from :data:`BEGIN` to its start, ``killed``. The end is the moment when it is stored.
        """
        from aiida import orm
        from aiida.common.links import LinkType
        from plumpy import ProcessState

        node = kind(ctime=BEGIN + timedelta(minutes=more['minutes'])) if 'minutes' in more else kind()
        node.set_process_label(label)
        work = isinstance(node, orm.WorkflowNode)
        for name, data in (inputs or {}).items():
            data.store()
            node.base.links.add_incoming(data, LinkType.INPUT_WORK if work else LinkType.INPUT_CALC, name)
        if parent is not None:
            node.base.links.add_incoming(parent, LinkType.CALL_WORK if work else LinkType.CALL_CALC, link)
        if running:
            node.set_process_state(ProcessState.WAITING)
        elif more.get('killed'):
            node.set_process_state(ProcessState.KILLED)
            node.set_process_status(message)
        else:
            node.set_process_state(ProcessState.FINISHED)
            node.set_exit_status(status)
            node.set_exit_message(message)
        node.base.attributes.set('version', {'core': '2.9.4', 'plugin': '0.1.0'})
        return node.store()

    def create(self, data, creator, name, *returned_by):
        """A stored data node with the process that made it and those that hand it on."""
        from aiida.common.links import LinkType

        data.base.links.add_incoming(creator, LinkType.CREATE, name)
        data.store()
        self.returned += [(data, process, label) for process, label in returned_by]
        return data

    def hand_out(self):
        """Attach the outputs that workflows return; of a melt's verdicts the first."""
        from aiida.common.links import LinkType

        for data, process, label in self.returned:
            if not (label == 'melt' and process.base.links.get_outgoing(link_label_filter='melt').all()):
                data.base.links.add_incoming(process, LinkType.RETURN, label)
        self.returned = []
