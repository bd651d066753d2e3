"""The machine: what each event makes of a job, told as stories; and laws over random stories."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.scheduler.checking import MAX_CANARIES_TRIED
from controller.scheduler.events import (
    Admitted,
    Approved,
    CancelAsked,
    Disapproved,
    Event,
    HostGone,
    HostReturned,
    RunEnded,
    RunProgressed,
    SendStart,
    SendStop,
    TimePassed,
    Withdrawn,
)
from controller.scheduler.machine import Transition, apply, next_wake_ms
from controller.scheduler.restarting import interrupt
from fleettrace.model.job import JobState, RunState, Verdict
from fleettrace.model.run import RunCost, RunKey, RunKind, RunOutcome

from .jobs import START_MS, cost, opened, run_of, waiting

FOUR = {"a": "C", "b": "C", "c": "C", "d": "C"}
CHECK, TRACE = RunKind.FREQUENCY_CHECK, RunKind.TRACE


class Story:
    """Drives one job and keeps every instruction that it gave."""

    def __init__(self, transition: Transition) -> None:
        self.now = transition
        self.at_ms = START_MS
        self.instructions = list(transition.instructions)

    def tell(self, event: Event) -> Transition:
        self.now = apply(self.now.execution, event)
        self.instructions += self.now.instructions
        return self.now

    def later(self, ms: int) -> None:
        self.at_ms += ms
        self.tell(TimePassed(self.at_ms))

    def ended(
        self,
        host: str,
        kind: RunKind = TRACE,
        outcome: RunOutcome = RunOutcome.COMPLETE,
        reason: str = "",
        measured: RunCost | None = None,
        ms: int = 1_000,
    ) -> None:
        key = run_of(self.now, host, kind).key
        self.tell(RunEnded(self.at_ms, key, outcome, reason, ms, measured or cost(1_000)))

    def progressed(self, host: str, elapsed_ms: int, measured: RunCost | None = None) -> None:
        key = run_of(self.now, host, TRACE).key
        self.tell(RunProgressed(self.at_ms, key, elapsed_ms, measured or cost(elapsed_ms)))

    def state(self) -> JobState:
        return self.now.execution.job.state

    @property
    def reason(self) -> str:
        return self.now.execution.job.reason

    def started(self, kind: RunKind = TRACE) -> list[str]:
        return [i.order.run.host for i in self.instructions if isinstance(i, SendStart) and i.order.kind is kind]

    def stopped(self) -> list[str]:
        return [i.key.host for i in self.instructions if isinstance(i, SendStop)]


def test_only_the_canary_runs_until_the_gate_has_promoted() -> None:
    story = Story(opened(FOUR))
    assert story.started(CHECK) == ["a"]
    assert story.started(TRACE) == []
    story.ended("a", CHECK)
    assert story.started(TRACE) == ["a"]
    assert story.state() is JobState.TRACING


def test_waves_follow_each_other_once_settled_and_the_job_is_done_when_all_have_answered() -> None:
    # GIVEN waves a | b | c d
    story = Story(opened(FOUR))
    story.ended("a", CHECK)
    story.progressed("a", 499)
    assert story.started() == ["a"]
    # WHEN the canary's run has settled, the next wave starts while it runs on
    story.progressed("a", 500)
    assert story.started() == ["a", "b"]
    story.progressed("b", 600)
    assert story.started() == ["a", "b", "c", "d"]
    for host in "abcd":
        assert story.state() is JobState.TRACING
        story.ended(host, ms=5_000)
    # THEN
    assert story.state() is JobState.DONE
    assert [wave.verdict for wave in story.now.execution.job.waves] == [Verdict.PROMOTE] * 3


def test_over_budget_no_other_host_ever_starts() -> None:
    story = Story(opened(FOUR, promote=True))
    story.ended("a", CHECK, measured=cost(1_000_000))
    assert story.state() is JobState.ABORTED
    assert story.started() == []
    assert "sched_switch" in story.reason
    assert "5%" in story.reason


@pytest.mark.parametrize(("promote", "state"), [(False, JobState.HELD), (True, JobState.TRACING)])
def test_a_quiet_canary_is_held_unless_promoted_and_the_override_is_recorded(promote: bool, state: JobState) -> None:
    story = Story(opened(FOUR, promote=promote))
    story.ended("a", CHECK, measured=cost(3))
    assert story.state() is state
    assert story.now.execution.job.canaries[0].overridden is promote
    assert any("promoted by the operator" in d.reason for d in story.now.execution.job.decisions) is promote


def test_a_canary_that_cannot_be_measured_fails_the_job() -> None:
    story = Story(opened(FOUR))
    for host in sorted(FOUR)[:MAX_CANARIES_TRIED]:
        assert story.state() is JobState.CHECKING
        story.ended(host, CHECK, RunOutcome.FAILED, "no BTF", cost(0), 0)
    assert story.state() is JobState.FAILED
    assert "no BTF" in story.reason


def test_a_canary_that_says_why_it_cannot_be_measured_is_replaced_by_another_of_its_class() -> None:
    story = Story(opened({"a": "C", "b": "C", "x": "D"}))
    story.ended("a", CHECK, RunOutcome.FAILED, "no such binary", cost(0), 0)
    story.ended("x", CHECK)
    assert story.state() is JobState.CHECKING
    assert [check.host for check in story.now.execution.job.canaries] == ["b", "x"]
    story.ended("b", CHECK)
    assert story.state() is JobState.TRACING
    (replaced,) = [d for d in story.now.execution.job.decisions if d.verdict == "replaced"]
    assert replaced.reason == "the canary a could not be measured (no such binary); b of its class is asked instead"


def test_a_canary_that_was_lost_is_not_replaced() -> None:
    story = Story(opened(FOUR))
    story.tell(HostGone(story.at_ms, "a", "the agent's connection ended"))
    story.later(120_000)
    assert run_of(story.now, "a", CHECK).state is RunState.LOST
    assert (story.state(), story.started(CHECK)) == (JobState.FAILED, ["a"])


def test_a_class_without_a_judged_canary_takes_no_part() -> None:
    story = Story(opened({"a": "C", "b": "C", "x": "D", "y": "D"}))
    story.ended("a", CHECK)
    story.ended("x", CHECK, RunOutcome.FAILED, "no BTF", cost(0), 0)
    story.ended("y", CHECK, RunOutcome.FAILED, "no BTF", cost(0), 0)
    hosts = [host for wave in story.now.execution.job.waves for host in wave.hosts]
    assert sorted(hosts) == ["a", "b"]
    assert story.state() is JobState.TRACING


def test_an_abort_stops_what_runs_and_ends_when_the_parts_are_in() -> None:
    story = Story(opened(FOUR))
    story.ended("a", CHECK)
    story.progressed("a", 500, cost(900_000))
    assert story.state() is JobState.STOPPING
    assert story.stopped() == ["a"]
    story.ended("a", outcome=RunOutcome.PARTIAL, reason="told to stop")
    assert story.state() is JobState.ABORTED
    assert story.started() == ["a"]


def test_cancel_stops_every_live_run_and_waits_a_bounded_time() -> None:
    story = Story(opened(FOUR))
    story.ended("a", CHECK)
    story.progressed("a", 500)
    story.tell(CancelAsked(story.at_ms, "ann"))
    assert sorted(story.stopped()) == ["a", "b"]
    story.ended("a", outcome=RunOutcome.PARTIAL)
    assert story.state() is JobState.STOPPING
    story.later(3_000)
    assert story.state() is JobState.CANCELLED
    assert run_of(story.now, "b", TRACE).state is RunState.LOST
    assert "ann" in story.reason


def test_a_run_whose_deadline_passes_is_lost_with_the_reason_why_its_host_is_gone() -> None:
    story = Story(opened({"a": "C"}))
    story.ended("a", CHECK)
    story.progressed("a", 400)
    story.tell(HostGone(story.at_ms, "a", "the agent's connection ended"))
    assert story.state() is JobState.TRACING
    story.later(5_000 + 5_000)
    assert story.state() is JobState.FAILED
    assert "the agent's connection ended" in run_of(story.now, "a", TRACE).reason


def test_an_agent_that_comes_back_without_the_run_has_lost_it_at_once() -> None:
    story = Story(opened(FOUR))
    story.ended("a", CHECK)
    story.progressed("a", 500)
    story.tell(HostReturned(story.at_ms, 1, "a", frozenset({run_of(story.now, "a", TRACE).key})))
    assert run_of(story.now, "a", TRACE).state is RunState.RUNNING
    story.tell(HostReturned(story.at_ms, 1, "b", frozenset()))
    assert run_of(story.now, "b", TRACE).state is RunState.LOST


def test_a_wave_that_loses_its_hosts_is_the_last_one() -> None:
    story = Story(opened(FOUR))
    story.ended("a", CHECK)
    story.progressed("a", 500)
    story.tell(HostReturned(story.at_ms, 1, "b", frozenset()))
    assert story.stopped() == ["a"]
    story.ended("a", outcome=RunOutcome.PARTIAL)
    assert story.state() is JobState.ABORTED
    assert story.started() == ["a", "b"]


def test_next_wake_is_the_earliest_deadline() -> None:
    story = Story(opened({"a": "C"}))
    # 15 s to start, 1 s of counting, 5 s to hand in
    assert next_wake_ms(story.now.execution) == START_MS + 21_000
    story.later(21_000)
    assert story.state() is JobState.FAILED
    assert next_wake_ms(story.now.execution) is None


def test_live_measurements_alone_are_not_durable() -> None:
    story = Story(opened({"a": "C"}))
    story.ended("a", CHECK)
    story.progressed("a", 100)
    assert story.now.durable
    story.progressed("a", 300)
    assert not story.now.durable


def test_an_interrupted_job_says_so_and_its_live_runs_are_lost() -> None:
    story = Story(opened(FOUR))
    story.ended("a", CHECK)
    job = interrupt(story.now.execution.job, START_MS + 9)
    assert job.state is JobState.INTERRUPTED
    assert job.finished_at_ms == START_MS + 9
    assert {run.state for run in job.runs.values()} == {RunState.COMPLETE, RunState.LOST}


HOSTS = sorted(FOUR)
_keys = st.builds(RunKey, st.sampled_from(["j1", "other"]), st.sampled_from([*HOSTS, "nobody"]), st.integers(1, 3))
_costs = st.builds(cost, st.sampled_from([0, 100, 5_000, 900_000]))
_ms = st.integers(0, 8_000)
_at = st.just(0)
_greeted = st.integers(START_MS, START_MS + 90_000)
_events = st.one_of(
    st.builds(RunProgressed, _at, _keys, _ms, _costs),
    st.builds(RunEnded, _at, _keys, st.sampled_from(RunOutcome), st.just("r"), _ms, _costs),
    st.builds(HostGone, _at, st.sampled_from(HOSTS), st.just("gone")),
    st.builds(
        HostReturned,
        _at,
        st.integers(START_MS, START_MS + 90_000),
        st.sampled_from(HOSTS),
        st.frozensets(_keys, max_size=3),
    ),
    st.builds(CancelAsked, _at, st.just("ann")),
    st.builds(Approved, _at, st.sampled_from(("o", "bea")), st.just("g")),
    st.builds(Disapproved, _at, st.sampled_from(("o", "bea")), st.just("g"), st.just("no")),
    st.builds(Withdrawn, _at, st.just("v2"), st.just("g"), st.just("no")),
    st.builds(Admitted, _at, st.just({})),
    st.builds(TimePassed, _at),
)
_stories = st.lists(st.tuples(st.integers(0, 9_000), _events), max_size=25)


@settings(max_examples=300)
@given(_stories, st.booleans(), st.booleans())
def test_every_event_is_defined_in_every_state_and_the_laws_hold(
    steps: list[tuple[int, Event]], promote: bool, waits: bool
) -> None:
    story = Story(waiting(FOUR) if waits else opened(FOUR, promote=promote))
    for ms, event in steps:
        before = story.now.execution
        story.at_ms += ms
        story.tell(type(event)(**{**{f: getattr(event, f) for f in event.__slots__}, "at_ms": story.at_ms}))
        job = story.now.execution.job
        # An ended job changes no more.
        if before.job.state.ended:
            assert story.now.execution == before
            assert not story.now.instructions
        # No host traces before its canary was promoted.
        if any(run.kind is TRACE for run in job.runs.values()):
            assert all(check.verdict is Verdict.PROMOTE for check in job.canaries)
        # Nothing starts before somebody else has approved it.
        if job.spec.approve_by_ms and job.runs:
            assert job.approved_by == "bea"
        # A host runs one trace at most, and only inside a wave that has started.
        traces = [run.key.host for run in job.runs.values() if run.kind is TRACE]
        assert len(traces) == len(set(traces))
        begun = {host for wave in job.waves if wave.started_at_ms for host in wave.hosts}
        assert set(traces) <= begun
        # A live job always has something to wait for.
        if not job.state.ended:
            assert next_wake_ms(story.now.execution) is not None
        else:
            assert all(run.state.ended for run in job.runs.values())
            assert job.finished_at_ms == story.at_ms or before.job.state.ended
    # Time alone ends every job.
    for _ in range(20):
        wake_ms = next_wake_ms(story.now.execution)
        if wake_ms is None:
            break
        story.at_ms = max(wake_ms, story.at_ms)
        story.tell(TimePassed(story.at_ms))
    assert story.state().ended


def test_a_host_that_is_given_up_is_told_to_stop() -> None:
    # GIVEN a host that says nothing; it may be tracing all the same
    story = Story(opened({"a": "C"}))
    (check,) = story.now.execution.job.runs
    # WHEN nobody waits for it any longer
    story.later(60_000)
    # THEN
    assert SendStop(check, "the run did not start in time") in story.instructions


def test_a_host_that_returns_with_a_run_that_was_given_up_is_told_to_stop_it() -> None:
    # GIVEN two canaries of which one was given up, while the job goes on
    story = Story(opened({"a": "C", "b": "D"}))
    given_up = run_of(story.now, "a", CHECK).key
    story.tell(RunProgressed(story.at_ms, run_of(story.now, "b", CHECK).key, 100, cost(100)))
    story.tell(HostReturned(story.at_ms, 1, "a", frozenset()))
    assert story.now.execution.job.runs[given_up].state is RunState.LOST
    # WHEN it turns up again with the run
    returned = story.tell(HostReturned(story.at_ms, 1, "a", frozenset({given_up})))
    # THEN
    assert [order.key for order in returned.instructions if isinstance(order, SendStop)] == [given_up]
