"""The tracer that plays what was recorded on a real kernel, exactly; for machines whose kernel cannot be traced.

Parameters and scope have no effect: a recording is what it is, and results say that they come from "replay".
"""

import time
from collections.abc import Callable
from dataclasses import replace

from fleettrace.errors import BadInput, Unfit
from fleettrace.model.run import MapFill, RunKind
from fleettrace.snapshot import EMPTY, Snapshot
from node_agent.backends.port import ProbeStats, TracePlan, no_wait
from node_agent.backends.sample import Recording, read_sample, sample_files

__all__ = ["ReplayTracer"]


class ReplayTracer:
    """Implements :class:`node_agent.backends.port.Tracer`."""

    backend = "replay"
    reads_live = False
    detach_reserve_s = 0.0
    build_id = ""

    def __init__(self, plan: TracePlan, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Choose the tool's first recording.

        Raises:
            BadInput: the tool has none.
        """
        files = sample_files(plan.tool)
        if not files:
            raise BadInput(
                f"{plan.tool.name} has no recorded samples to replay; record one on a machine that can trace"
            )
        # Of a tool with alternatives the one that it prefers was recorded.
        self.alternative = plan.tool.alternatives[0].name
        sample = read_sample(files[0])
        self._is_trace = plan.kind is RunKind.TRACE
        is_check = plan.kind is RunKind.FREQUENCY_CHECK
        self._recording: Recording = sample.frequency_check if is_check else sample.trace
        self._clock_s = clock_s
        self._attached_at_s: float | None = None
        self._attached_s = 0.0
        self._detached = False

    def attach(self, wait: Callable[[], None] = no_wait) -> None:
        """See :meth:`Tracer.attach`."""
        wait()
        self._attached_at_s = self._clock_s()

    def stats(self) -> ProbeStats:
        """See :meth:`Tracer.stats`. The recorded numbers in proportion to the recorded time.

        A frequency check is nothing but rates, so that it keeps to them however long it is attached. A trace ends
        with the recording, and once detached its numbers are those of the snapshot, which is played whole.
        """
        recorded, share = self._recording.stats, self._attached_for_s() / self._recording.window_s
        if self._is_trace:
            share = 1.0 if self._detached else min(1.0, share)
        return replace(
            recorded,
            hits=int(recorded.hits * share),
            events_per_cpu=tuple(int(events * share) for events in recorded.events_per_cpu),
            lost_events=int(recorded.lost_events * share),
            truncated_stacks=int(recorded.truncated_stacks * share),
            bpf_run_time_ns=int(recorded.bpf_run_time_ns * share),
        )

    def map_fills(self) -> tuple[MapFill, ...]:
        """See :meth:`Tracer.map_fills`. There are no maps."""
        return ()

    def snapshot(self) -> Snapshot:
        """See :meth:`Tracer.snapshot`. Nothing before ``detach``: a part of a recording was never measured."""
        self._attached_for_s()
        return self._recording.snapshot if self._detached and self._is_trace else EMPTY

    def notes(self) -> tuple[str, ...]:
        """See :meth:`Tracer.notes`. A recording has none."""
        return ()

    def detach(self, *, hurry: bool = False) -> float:
        """See :meth:`Tracer.detach`."""
        if self._attached_at_s is not None and not self._detached:
            self._attached_s = self._clock_s() - self._attached_at_s
            self._detached = True
        return (self._attached_at_s or 0.0) + self._attached_s

    def close(self) -> None:
        """See :meth:`Tracer.close`."""
        self.detach()

    def _attached_for_s(self) -> float:
        """How long it has been attached, in seconds."""
        if self._attached_at_s is None:
            raise Unfit("nothing was attached, so that there is nothing to read")
        return self._attached_s if self._detached else self._clock_s() - self._attached_at_s
