"""The session of a run: whatever happens, exactly one final part comes out."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunLimits, RunOutcome, StartRun
from fleettrace.snapshot import EMPTY, Count, Snapshot
from node_agent.child.protocol import Attached, Failed, Measured, Sample
from node_agent.session import (
    ChildExited,
    CommonStart,
    Emit,
    EndChild,
    Instruction,
    KillChild,
    Overdue,
    Phase,
    Report,
    Session,
    SessionEvent,
    StopAsked,
    apply,
)

ORDER = StartRun(
    run=RunKey("j1", "api-1", 1),
    kind=RunKind.TRACE,
    tool="syscount",
    digest="d",
    params={},
    limits=RunLimits(5_000, 1_000, 1 << 20, 5.0),
    expires_at_ms=0,
)
TEN = Snapshot(counts=(Count((("process", "nginx"),), 10),))
TWENTY = Snapshot(counts=(Count((("process", "nginx"),), 20),))


def told(session: Session, *events: SessionEvent) -> tuple[Session, list[Instruction]]:
    instructions: list[Instruction] = []
    for event in events:
        session, more = apply(session, event)
        instructions += more
    return session, instructions


def final_parts(instructions: list[Instruction]) -> list[Part]:
    return [i.part for i in instructions if isinstance(i, Emit) and i.part.final]


def events_cost(events: int) -> RunCost:
    return RunCost(hits=events, events=events, events_per_cpu=(events,))


def test_a_whole_window_is_complete() -> None:
    session, out = told(
        Session(ORDER, "bcc"),
        Attached(1_000, "bcc"),
        Sample(200, events_cost(10)),
        Measured(5_000, events_cost(20), TWENTY, final=True),
    )
    assert session.phase is Phase.ENDED
    (part,) = final_parts(out)
    assert part.outcome is RunOutcome.COMPLETE
    assert (part.reason, part.started_at_ms, part.duration_ms) == ("", 1_000, 5_000)
    assert part.snapshot == TWENTY
    assert [i.elapsed_ms for i in out if isinstance(i, Report)] == [0, 200]


def test_a_stop_asks_the_child_and_keeps_what_it_hands_in() -> None:
    session, out = told(
        Session(ORDER, "bcc"), Attached(1_000, "bcc"), StopAsked("cancelled by ann"), StopAsked("again")
    )
    assert out.count(EndChild()) == 1
    session, out = told(session, Measured(700, events_cost(10), TEN, final=True, stopped="told to stop"))
    (part,) = final_parts(out)
    assert (part.outcome, part.reason) == (RunOutcome.PARTIAL, "cancelled by ann")
    assert part.snapshot == TEN


def test_a_killed_child_leaves_its_newest_interim_result_with_the_counters_of_that_moment() -> None:
    _, out = told(
        Session(ORDER, "bcc"),
        Attached(1_000, "bcc"),
        Measured(1_000, events_cost(10), TEN, final=False),
        Sample(1_200, events_cost(15)),
        ChildExited(-9),
    )
    (part,) = final_parts(out)
    assert part.outcome is RunOutcome.PARTIAL
    assert "signal 9" in part.reason
    assert (part.duration_ms, part.cost.events, part.snapshot) == (1_000, 10, TEN)


def test_a_child_that_dies_before_any_result_has_failed() -> None:
    _, out = told(Session(ORDER, "bcc"), Attached(1, "bcc"), Sample(200, events_cost(5)), ChildExited(1, "boom"))
    (part,) = final_parts(out)
    assert part.outcome is RunOutcome.FAILED
    assert "status 1: boom" in part.reason
    assert part.snapshot == EMPTY


def test_the_counters_of_a_frequency_check_are_its_result() -> None:
    check = replace(ORDER, kind=RunKind.FREQUENCY_CHECK)
    _, out = told(Session(check, "bcc"), Attached(1, "bcc"), Sample(400, events_cost(5)), ChildExited(-9))
    (part,) = final_parts(out)
    assert (part.outcome, part.duration_ms, part.cost.events) == (RunOutcome.PARTIAL, 400, 5)


def test_an_overdue_child_is_killed() -> None:
    _, out = told(Session(ORDER, "bcc"), Attached(1, "bcc"), Overdue())
    assert KillChild() in out
    (part,) = final_parts(out)
    assert "did not end in time" in part.reason


def test_a_failure_carries_its_reason() -> None:
    _, out = told(Session(ORDER, "bcc"), Failed("attach-failed", "no such tracepoint"))
    (part,) = final_parts(out)
    assert (part.outcome, part.reason) == (RunOutcome.FAILED, "no such tracepoint")


_events = st.one_of(
    st.builds(Attached, st.integers(0, 9), st.just("bcc")),
    st.builds(Sample, st.integers(0, 9_000), st.builds(events_cost, st.integers(0, 9))),
    st.builds(
        Measured,
        st.integers(0, 9_000),
        st.builds(events_cost, st.integers(0, 9)),
        st.sampled_from([EMPTY, TEN]),
        st.booleans(),
        st.sampled_from(["", "breaker"]),
    ),
    st.builds(Failed, st.just("c"), st.just("r")),
    st.builds(StopAsked, st.just("s")),
    st.builds(ChildExited, st.sampled_from([0, 1, -9])),
    st.just(Overdue()),
)


@settings(max_examples=300)
@given(st.lists(_events, max_size=12), st.sampled_from(RunKind))
def test_every_event_is_defined_in_every_phase_and_one_final_part_comes_out(
    events: list[SessionEvent], kind: RunKind
) -> None:
    session, out = told(Session(replace(ORDER, kind=kind), "bcc"), *events)
    assert len(final_parts(out)) == (session.phase is Phase.ENDED)
    # A child always exits, and then the run is over.
    ended, more = told(session, ChildExited(0))
    assert ended.phase is Phase.ENDED
    assert len(final_parts(out + more)) == 1
    # A final part is the last word.
    last = [i for i in out + more if isinstance(i, Emit | Report | KillChild)][-1]
    assert isinstance(last, Emit)
    assert last.part.final


def test_a_part_tells_when_it_began_by_the_controllers_clock_and_that_it_was_late() -> None:
    # GIVEN a run that is to begin at second 10 of the host's monotonic clock, which is 1,000,010 s of the controller's
    order = replace(ORDER, start_at_ms=1_000_010_000)
    start = CommonStart(attach_at_s=10.0, offset_ms=1_000_000_000.0, uncertainty_ms=1.4)

    def part_of(at_s: float, start: CommonStart = start, order: StartRun = order) -> Part:
        _, out = told(
            Session(order, "bcc", start=start),
            Attached(5_000, "bcc", at_s=at_s),
            Measured(5_000, events_cost(20), TWENTY, final=True),
        )
        (part,) = final_parts(out)
        return part

    # THEN
    in_time, late = part_of(10.02), part_of(12.3)
    assert (in_time.started_at_controller_ms, in_time.clock_uncertainty_ms, in_time.notes) == (1_000_010_020, 2, ())
    assert late.notes == ("it began 2.3 s after its wave was to begin",)
    # AND a host that does not know the controller's time says that it did not wait
    alone = part_of(9.0, CommonStart())
    assert (alone.started_at_controller_ms, alone.clock_uncertainty_ms) == (0, 0)
    assert alone.notes == (
        "it did not wait for the others of its wave: its clock was not compared with the controller's yet",
    )
    # AND one that was not asked to has nothing to say
    assert part_of(9.0, CommonStart(), ORDER).notes == ()
