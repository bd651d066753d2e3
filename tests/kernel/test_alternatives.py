"""Of a tool's alternatives the first that the kernel accepts runs, and says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from fleettrace.catalog import find_tool
from fleettrace.errors import AttachFailed
from fleettrace.model.attach import Alternative, Attach
from node_agent.backends.bcc.tracer import BccTracer
from tests.kernel.processes import workload
from tests.kernel.support import attached, plan

pytestmark = pytest.mark.kernel

TOUCHED = 10_007
MISSING = Alternative("missing", "faults", (Attach("on_user_fault", "raw_tracepoint:no_such_tracepoint"),))
TRACEPOINTS, PERF_EVENT = find_tool("pagefaults").alternatives


def tracer_of(state: Path, *alternatives: Alternative, pid: int) -> BccTracer:
    whole = plan("pagefaults", state, pid=pid)
    return BccTracer(replace(whole, tool=replace(whole.tool, alternatives=alternatives)))


def test_alternatives_of_one_measure_count_the_same(state: Path) -> None:
    with (
        workload("touches", TOUCHED) as work,
        attached(tracer_of(state, TRACEPOINTS, pid=work.pid)) as one,
        attached(tracer_of(state, PERF_EVENT, pid=work.pid)) as other,
    ):
        work.run()
        one.detach()
        other.detach()
        assert one.stats().events >= TOUCHED
        assert other.stats().events == pytest.approx(one.stats().events, rel=0.02)
    tool = find_tool("pagefaults")
    assert tool.measure(TRACEPOINTS.name) == tool.measure(PERF_EVENT.name) == "faults"


def test_the_first_that_the_kernel_accepts_is_used(state: Path) -> None:
    with (
        workload("touches", TOUCHED) as work,
        attached(tracer_of(state, MISSING, PERF_EVENT, TRACEPOINTS, pid=work.pid)) as tracer,
    ):
        work.run()
        tracer.detach()
        assert tracer.alternative == "perf_event"
        assert tracer.stats().events >= TOUCHED


def test_where_none_is_accepted_each_says_why(state: Path) -> None:
    other = replace(MISSING, name="other")
    with pytest.raises(AttachFailed, match=r"missing: this kernel has no tracepoint .*; other: this kernel has no"):
        tracer_of(state, MISSING, other, pid=1).attach()
