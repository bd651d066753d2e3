"""The child's contract: what is encoded comes back; anything else is malformed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.errors import Malformed
from fleettrace.model.run import RunCost, RunKind
from fleettrace.snapshot import LOG2, Count, Event, Histogram, Snapshot, Stack
from node_agent.child.protocol import (
    Attached,
    ChildMessage,
    ChildPlan,
    Failed,
    Measured,
    Sample,
    decode_message,
    decode_plan,
    encode,
)

PLAN = ChildPlan(
    backend="bcc",
    tool="runqlat",
    digest="d",
    kind="trace",
    params={"pid": 0},
    scope="",
    duration_ms=1,
    max_events_per_s=2,
    max_cpu_pct=3.0,
    max_map_bytes=4,
    capabilities=("CAP_BPF",),
    state_directory="/x",
    parent_pid=7,
)
COST = RunCost(hits=3, events=2, events_per_cpu=(1, 1), lost_events=1, map_bytes=9)
FULL = Snapshot(
    histograms=(Histogram((("disk", "vda"),), "us", LOG2, ((0, 1), (9, 4))),),
    stacks=(Stack(("sh", "main", "schedule_[k]"), 3, "samples"),),
    counts=(Count((("process", "a\nb"), ("syscall", "read")), 5),),
    events=(Event(12, (("path", "/etc/passwd"),)),),
)
_texts = st.text(max_size=20)
_messages = st.one_of(
    st.builds(Attached, st.integers(0), _texts),
    st.builds(Sample, st.integers(0), st.just(COST)),
    st.builds(Measured, st.integers(0), st.just(COST), st.sampled_from([FULL, Snapshot()]), st.booleans(), _texts),
    st.builds(Failed, _texts, _texts),
)


@given(_messages)
def test_a_message_is_one_line_and_comes_back(message: ChildMessage) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert decode_message(line) == message


def test_the_plan_comes_back() -> None:
    assert decode_plan(encode(PLAN)) == PLAN
    assert PLAN.run_kind is RunKind.TRACE


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello\n",
        b"[]\n",
        b'{"type":"nope"}\n',
        b'{"type":"sample","elapsed_ms":1}\n',
        b'{"type":"failed","code":"c"}\n',
        encode(Measured(1, COST, Snapshot(counts=(Count((("p", "x"),), 0),)), final=True)),
        encode(Measured(1, COST, Snapshot(histograms=(Histogram((), "us", "linear", ((0, 1),)),)), final=True)),
    ],
)
def test_anything_else_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        decode_message(line)
