"""What the tracing child reads of itself, on the real kernel."""

from collections.abc import Callable
from pathlib import Path

from fleettrace.catalog import find_tool
from fleettrace.model.run import RunKind
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.backends.port import ProbeStats
from node_agent.child.breaker import Breaker
from node_agent.child.meter import Meter
from node_agent.child.protocol import ChildPlan
from tests.kernel.processes import workload
from tests.kernel.support import attached, plan

CALLS = 20_011


class Interrupted(BccTracer):
    """Whoever reads its counters is kept from the CPU before it does, once, while something else is done."""

    meanwhile: Callable[[], None] | None = None

    def stats(self) -> ProbeStats:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return super().stats()


def test_what_happens_while_the_child_is_kept_from_its_cpu_is_no_storm(state: Path) -> None:
    with (
        workload("rare_syscalls", CALLS) as work,
        attached(Interrupted(plan("syscount", state, pid=work.pid))) as tracer,
    ):
        assert isinstance(tracer, Interrupted)
        meter = Meter(tracer)
        before = meter.read()
        # WHEN the process makes its calls between the child's look at the clock and that at the counters
        tracer.meanwhile = work.run
        after = meter.read()
    calls = after.cost.events - before.cost.events
    assert calls >= CALLS
    # THEN what happened is judged by the time that it had, and a ceiling just above that rate is not broken
    true_per_s = calls / (after.ended_s - before.began_s)
    assert Breaker(_ceiling(true_per_s * 1.01), _PRIOR, before).judge(after) == ""
    assert "events/s are over the ceiling" in Breaker(_ceiling(true_per_s * 0.99), _PRIOR, before).judge(after)
    # AND by the time before it looked at the clock alone it would have been a storm
    assert calls / (after.began_s - before.began_s) > 5 * true_per_s


_PRIOR = find_tool("syscount").cost


def _ceiling(events_per_s: float) -> ChildPlan:
    return ChildPlan(
        backend="bcc",
        tool="syscount",
        digest="",
        kind=RunKind.TRACE.value,
        params={},
        scope="",
        duration_ms=5_000,
        max_events_per_s=int(events_per_s),
        max_cpu_pct=1e6,
        max_map_bytes=1 << 20,
        capabilities=(),
        state_directory="/nowhere",
        parent_pid=1,
        max_child_cpu_pct=1e6,
        max_child_rss_bytes=1 << 40,
    )
