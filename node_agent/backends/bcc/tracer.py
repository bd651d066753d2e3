"""The tracer on a real kernel: a compiled object, loaded with the run's filters as constants."""

from collections.abc import Mapping

from fleettrace.catalog import ResultKind
from fleettrace.errors import Unfit
from fleettrace.model.run import RunKind
from fleettrace.snapshot import EMPTY, Snapshot
from node_agent.backends.bcc.decode import decode_counts, decode_histogram
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.source import COUNT_ONLY, SCOPE_CGROUP, SCOPE_LEVEL, tool_source
from node_agent.backends.bcc.stacks import StackReader
from node_agent.backends.bcc.stats import STATS_MAP, read_stats
from node_agent.backends.port import ProbeStats, TracePlan
from node_agent.kernel.bpf_object import BpfObject
from node_agent.kernel.loader import LoadedObject
from node_agent.kernel.probes import parse_probe

__all__ = ["BccTracer"]


class BccTracer:
    """Implements :class:`node_agent.backends.port.Tracer`."""

    backend = "bcc"

    def __init__(self, plan: TracePlan, *, max_entries: Mapping[str, int] | None = None) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            plan: what to run.
            max_entries: sizes of maps, by name, instead of the program's own.
        """
        self._plan = plan
        self._max_entries = max_entries or {}
        self._loaded: LoadedObject | None = None
        self._stacks: StackReader | None = None

    def attach(self) -> None:
        """See :meth:`Tracer.attach`."""
        plan = self._plan
        compiled = ObjectCache(object_directory(plan.state_directory)).get(tool_source(plan.tool))
        probes = [(attach.program, parse_probe(attach, plan.params)) for attach in plan.tool.attach]
        loaded = LoadedObject(
            compiled,
            {program: probe.program_type for program, probe in probes},
            _param_values(plan),
            max_map_bytes=plan.max_map_bytes,
            max_entries=self._map_sizes(compiled),
        )
        try:
            if plan.kind is RunKind.TRACE and plan.tool.result is ResultKind.STACKS:
                self._stacks = StackReader(loaded.maps, plan.tool.decode, plan.tool.unit)
            loaded.attach(probes)
        except BaseException:
            loaded.close()
            raise
        self._loaded = loaded

    def _map_sizes(self, compiled: BpfObject) -> Mapping[str, int]:
        if self._plan.kind is RunKind.TRACE:
            return self._max_entries
        # A frequency check records nothing, so that what it pins is next to nothing.
        return {definition.name: 1 for definition in compiled.maps if definition.name != STATS_MAP}

    def stats(self) -> ProbeStats:
        """See :meth:`Tracer.stats`."""
        loaded = self._attached()
        if self._stacks is not None:
            self._stacks.note_new_processes()
        return read_stats(loaded, self._stacks.truncated_stacks if self._stacks is not None else 0)

    def snapshot(self) -> Snapshot:
        """See :meth:`Tracer.snapshot`."""
        loaded, tool = self._attached(), self._plan.tool
        if self._plan.kind is RunKind.FREQUENCY_CHECK:
            return EMPTY
        if self._stacks is not None:
            return self._stacks.snapshot()
        entries = loaded.maps[tool.decode.map].entries()
        if tool.result is ResultKind.HISTOGRAM:
            return decode_histogram(entries, tool.unit)
        return decode_counts(entries, tool.decode.key)

    def detach(self) -> None:
        """See :meth:`Tracer.detach`."""
        if self._loaded is not None:
            self._loaded.detach()

    def close(self) -> None:
        """See :meth:`Tracer.close`."""
        if self._stacks is not None:
            self._stacks.close()
        if self._loaded is not None:
            self._loaded.close()

    def _attached(self) -> LoadedObject:
        if self._loaded is None:
            raise Unfit("nothing was attached, so that there is nothing to read")
        return self._loaded


def _param_values(plan: TracePlan) -> dict[int, int]:
    """A value for every parameter that a program may read."""
    values = {
        COUNT_ONLY: int(plan.kind is RunKind.FREQUENCY_CHECK),
        SCOPE_LEVEL: plan.scope.level if plan.scope is not None else 0,
        SCOPE_CGROUP: plan.scope.cgroup_id if plan.scope is not None else 0,
    }
    for name, param_id in tool_source(plan.tool).param_ids.items():
        values[param_id] = plan.params[name]
    return values
