"""The tracer on a real kernel: a compiled object, loaded with the run's filters as constants."""

import time
from collections.abc import Callable, Mapping

from fleettrace.errors import AttachFailed, Unfit
from fleettrace.model.attach import Alternative, is_wanted
from fleettrace.model.output import Output, ResultKind
from fleettrace.model.params import FINE, ParamValue
from fleettrace.model.run import MapFill, RunKind
from fleettrace.model.tool import ToolDefinition
from fleettrace.snapshot import EMPTY, Snapshot, merge
from fleettrace.snapshot.histogram import scheme_of
from node_agent.backends.bcc.constants import program_constants
from node_agent.backends.bcc.decode import clock_offset_ns, decode_counts, decode_events, decode_histogram
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.source import tool_source
from node_agent.backends.bcc.stacks import StackReader, stack_maps
from node_agent.backends.bcc.stats import STATS_MAP, read_stats
from node_agent.backends.port import ProbeStats, TracePlan, no_wait
from node_agent.kernel.bpf_object import BpfObject
from node_agent.kernel.loader import LoadedObject
from node_agent.kernel.probes import parse_probes
from node_agent.kernel.uprobes import UPROBES

__all__ = ["FIRST_EVENTS", "BccTracer"]

FIRST_EVENTS = "only its first events are kept whole: there is no room for more, and the others are counted alone"


class BccTracer:
    """Implements :class:`node_agent.backends.port.Tracer`."""

    backend = "bcc"
    reads_live = True
    detach_reserve_s = 0.0

    def __init__(self, plan: TracePlan, *, max_entries: Mapping[str, int] | None = None) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            plan: what to run.
            max_entries: sizes of maps, by name, instead of the program's own.
        """
        self._plan = plan
        self._max_entries = max_entries or {}
        self._loaded: LoadedObject | None = None
        self._ended_s: float | None = None
        self._stacks: StackReader | None = None
        self._in_snapshot = False
        self._events_full = False
        self._alternative = ""
        self._build_id = ""
        self._clock_offset_ns = clock_offset_ns()

    @property
    def alternative(self) -> str:
        """See :meth:`Tracer.alternative`."""
        return self._alternative

    @property
    def build_id(self) -> str:
        """See :meth:`Tracer.build_id`."""
        return self._build_id

    def attach(self, wait: Callable[[], None] = no_wait) -> None:
        """See :meth:`Tracer.attach`."""
        plan = self._plan
        constants = program_constants(plan)
        compiled = ObjectCache(object_directory(plan.state_directory)).get(tool_source(plan.tool))
        refusals: list[AttachFailed] = []
        for alternative in plan.tool.alternatives:
            try:
                self._load(compiled, alternative, constants, wait)
            except AttachFailed as refusal:
                refusals.append(refusal)
            else:
                self._alternative = alternative.name
                return
        if plan.tool.alternatives[0].name == "":
            raise refusals[0]
        named = zip(plan.tool.alternatives, refusals, strict=True)
        raise AttachFailed("; ".join(f"{alternative.name}: {refusal}" for alternative, refusal in named))

    def _load(
        self, compiled: BpfObject, alternative: Alternative, constants: Mapping[int, int], wait: Callable[[], None]
    ) -> None:
        plan = self._plan
        probes = [
            (attach.program, probe)
            for attach in alternative.attach
            if attach.is_wanted(plan.params)
            for probe in parse_probes(attach, plan.params)
        ]
        loaded = LoadedObject(
            compiled,
            probes,
            constants,
            max_map_bytes=plan.max_map_bytes,
            max_entries=self._map_sizes(compiled),
        )
        try:
            stacks = next((output for output in self._outputs() if output.result is ResultKind.STACKS), None)
            if plan.kind is RunKind.TRACE and stacks is not None:
                self._stacks = StackReader(loaded.maps, stacks.decode, stacks.unit)
            wait()
            loaded.attach(probes)
        except BaseException:
            loaded.close()
            raise
        self._loaded = loaded
        self._build_id = next((probe.build_id for _, probe in probes if isinstance(probe, UPROBES)), "")

    def _map_sizes(self, compiled: BpfObject) -> Mapping[str, int]:
        if self._plan.kind is not RunKind.FREQUENCY_CHECK:
            unwanted = [output for output in self._plan.tool.outputs if output not in self._outputs()]
            return {name: 1 for output in unwanted for name in (output.decode.map, *stack_maps(output.decode))} | dict(
                self._max_entries
            )
        # A frequency check records nothing, so that what it pins is next to nothing.
        return {definition.name: 1 for definition in compiled.maps if definition.name != STATS_MAP}

    def _outputs(self) -> tuple[Output, ...]:
        """What the run was asked for."""
        outputs = self._plan.tool.outputs
        return tuple(output for output in outputs if is_wanted(output.when_params, self._plan.params))

    def stats(self) -> ProbeStats:
        """See :meth:`Tracer.stats`."""
        loaded = self._attached()
        # The breaker reads in the midst of a snapshot, too, which is going through what this would add to.
        if self._stacks is not None and not self._in_snapshot:
            self._stacks.note_new_processes()
        return read_stats(loaded, self._stacks.truncated_stacks if self._stacks is not None else 0)

    def map_fills(self) -> tuple[MapFill, ...]:
        """See :meth:`Tracer.map_fills`.

        Room for the first events, beside what counts all of them, is meant to be filled.
        """
        maps, events = self._attached().maps, self._plan.tool.events
        spare = events.map if events is not None and not self._events_are_the_result else ""
        return tuple(
            MapFill(name, one.count(), one.definition.max_entries)
            for name, one in maps.items()
            if one.fills_up and name != spare
        )

    def snapshot(self) -> Snapshot:
        """See :meth:`Tracer.snapshot`."""
        loaded, tool = self._attached(), self._plan.tool
        if self._plan.kind is not RunKind.TRACE:
            return EMPTY
        self._in_snapshot = True
        try:
            return self._snapshot(loaded, tool)
        finally:
            self._in_snapshot = False

    def _snapshot(self, loaded: LoadedObject, tool: ToolDefinition) -> Snapshot:
        params = self._plan.params
        parts = [
            _decode(loaded, output, params) for output in self._outputs() if output.result is not ResultKind.STACKS
        ]
        if self._stacks is not None:
            parts.append(self._stacks.snapshot())
        if tool.events is not None:
            kept = loaded.maps[tool.events.map]
            parts.append(decode_events(kept.entries(), tool.events, self._clock_offset_ns))
            self._events_full = len(parts[-1].events) >= kept.definition.max_entries
        return merge(parts)

    def notes(self) -> tuple[str, ...]:
        """See :meth:`Tracer.notes`: names that are missing, and that there was no room to keep all events whole.

        Such events are lost where they are the tool's own result, and elsewhere counted all the same.
        """
        names = self._stacks.notes if self._stacks is not None else ()
        return (*names, FIRST_EVENTS) if self._events_full and not self._events_are_the_result else names

    @property
    def _events_are_the_result(self) -> bool:
        return self._plan.tool.result is ResultKind.EVENTS

    def detach(self, *, hurry: bool = False) -> float:
        """See :meth:`Tracer.detach`."""
        if self._loaded is not None and self._ended_s is None:
            self._loaded.detach()
            self._ended_s = time.monotonic()
        return self._ended_s or time.monotonic()

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


def _decode(loaded: LoadedObject, output: Output, params: Mapping[str, ParamValue]) -> Snapshot:
    entries, decode = loaded.maps[output.decode.map].entries(), output.decode
    if output.result is ResultKind.HISTOGRAM:
        return decode_histogram(entries, decode, output.unit, scheme_of(int(params.get(FINE.name, 0))))
    return decode_counts(entries, decode, with_sums=is_wanted(decode.sums_when, params))
