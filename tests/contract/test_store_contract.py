"""What every store does, sentence by sentence of ``controller/store/port.py``."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from controller.store import blobs
from controller.store.memory import MemoryStore
from controller.store.port import Store
from controller.store.sqlite import SqliteStore
from fleettrace.errors import Malformed, NotFound, StoreFailed
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import CanaryCheck, Decision, HostPart, Job, JobSpec, JobState, Run, RunState, Verdict, Wave
from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import LOG2, Count, Event, Histogram, Snapshot, Stack, merge
from tests.unit.fleettrace import strategies

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

FACTS = HostFacts("6.1.0", "#1 SMP", "x86_64", 4, tools={"runqlat": "ab"}, capabilities=("CAP_BPF",))
HOST = Host("api-1", {"role": "api", "zone": "a"}, FACTS, connected=True, last_seen_ms=1_700_000_000_000)
STACK = Stack(("nginx", "main", "schedule_[k]"), 3, "samples")


class Reopened:
    """A store that a test can close and open again, as a restarted controller does."""

    def __init__(self, store: Store, reopen: Callable[[], Store]) -> None:
        self.store = store
        self._reopen = reopen

    def reopen(self) -> Store:
        self.store = self._reopen()
        return self.store


@pytest.fixture(params=["memory", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reopened]:
    if request.param == "memory":
        memory = MemoryStore()
        opened = Reopened(memory, memory.reopen)
    else:
        opened = _sqlite(tmp_path / "fleet.db")
    yield opened
    opened.store.close()


def _sqlite(path: Path) -> Reopened:
    def reopen() -> Store:
        opened.store.close()
        return SqliteStore.open(path, controller_id="test")

    opened = Reopened(SqliteStore.open(path, controller_id="test"), reopen)
    return opened


@pytest.fixture
def store(database: Reopened) -> Store:
    return database.store


def a_job(job_id: str = "j1", created_at_ms: int = 1000, state: JobState = JobState.TRACING) -> Job:
    spec = JobSpec(
        job_id=job_id,
        tool="runqlat",
        digest="ab12",
        params={"pid": 7},
        selector="role=api",
        duration_ms=5000,
        team="sre",
        operator="kim",
        promote=False,
        created_at_ms=created_at_ms,
        targets=("api-1", "api-2"),
        missing={"api-3": "not connected"},
    )
    key = RunKey(job_id, "api-1", 1)
    return Job(
        spec=spec,
        state=state,
        reason="so far",
        canaries=(CanaryCheck("api-1", FACTS.host_class, Verdict.PROMOTE, "fine", 1.0, 12.5, (6.25, 6.25)),),
        waves=(Wave(("api-1",), 2000, Verdict.RUNNING),),
        runs={key: Run(key, RunKind.TRACE, RunState.RUNNING, 1500, 9000, cost=RunCost(10, 5, (2, 3), 1))},
        decisions=(Decision(1000, "policy", "allow", "within the limits", "default"),),
    )


def a_part(
    host: str = "api-1",
    *,
    job_id: str = "j1",
    attempt: int = 1,
    kind: RunKind = RunKind.TRACE,
    final: bool = True,
    events: int = 5,
    snapshot: Snapshot = Snapshot(stacks=(STACK,)),  # noqa: B008 - immutable
) -> HostPart:
    part = Part(
        run=RunKey(job_id, host, attempt),
        kind=kind,
        outcome=RunOutcome.COMPLETE,
        reason="",
        backend="replay",
        started_at_ms=1_700_000_000_000,
        duration_ms=5000,
        cost=RunCost(hits=9, events=events, events_per_cpu=(events,), lost_events=1, truncated_stacks=2),
        snapshot=snapshot,
        final=final,
    )
    return HostPart(part, {"role": "api"}, FACTS.host_class)


# Hosts


def test_a_host_is_inserted_or_replaced_by_its_name(store: Store) -> None:
    store.save_host(HOST)
    later = replace(HOST, labels={"role": "db"}, connected=False, last_seen_ms=5, missing_reason="it left")
    store.save_host(later)
    assert store.hosts() == [later]


def test_hosts_come_by_name(store: Store) -> None:
    for name in ("db-1", "api-2", "api-10"):
        store.save_host(replace(HOST, name=name))
    assert [host.name for host in store.hosts()] == ["api-10", "api-2", "db-1"]


def test_no_host_is_connected_when_the_store_was_just_opened(database: Reopened) -> None:
    # GIVEN a connected host, and one that had left with a reason
    gone = replace(HOST, name="api-2", connected=False, missing_reason="agent stopped")
    database.store.save_host(HOST)
    database.store.save_host(gone)
    # WHEN the controller starts anew
    hosts = database.reopen().hosts()
    # THEN neither is connected, and each says why
    assert [host.connected for host in hosts] == [False, False]
    assert hosts[0] == replace(HOST, connected=False, missing_reason="not connected since the controller started")
    assert hosts[1] == gone
    # AND a host that connects again is connected
    database.store.save_host(HOST)
    assert database.store.hosts()[0] == HOST


@QUICK
@given(host=strategies.hosts)
def test_any_host_reads_back_as_saved(store: Store, host: Host) -> None:
    store.save_host(host)
    assert host in store.hosts()


def test_a_host_that_could_not_be_read_back_is_not_written(store: Store) -> None:
    with pytest.raises(Malformed):
        store.save_host(replace(HOST, labels={"role": "a b"}))
    assert store.hosts() == []


# Jobs


def test_a_job_reads_back_with_its_decisions_and_runs(database: Reopened) -> None:
    database.store.save_job(a_job())
    assert database.store.job("j1") == a_job()
    assert database.reopen().job("j1") == a_job()


def test_there_is_no_job_that_was_not_saved(store: Store) -> None:
    assert store.job("j1") is None
    assert store.job("") is None


@QUICK
@given(job=strategies.jobs)
def test_any_job_reads_back_as_saved(store: Store, job: Job) -> None:
    store.save_job(job)
    assert store.job(job.spec.job_id) == job


@QUICK
@given(job=strategies.jobs, later=strategies.jobs)
def test_a_job_is_replaced_whole(database: Reopened, job: Job, later: Job) -> None:
    # GIVEN a job that was saved, and quite another state of it
    store = database.store
    changed = replace(later, spec=replace(later.spec, job_id=job.spec.job_id), runs=job.runs)
    store.save_job(job)
    # WHEN it is saved THEN nothing of the first is left
    store.save_job(changed)
    assert store.job(job.spec.job_id) == changed
    without_runs = replace(changed, runs={}, decisions=())
    store.save_job(without_runs)
    assert store.job(job.spec.job_id) == without_runs


def test_a_change_after_a_restart_is_saved_whole(database: Reopened) -> None:
    # GIVEN a job from before the restart
    job = a_job()
    database.store.save_job(job)
    store = database.reopen()
    # WHEN one of its runs ends, a decision is added and another run begins
    (key,) = job.runs
    other = RunKey("j1", "api-2", 1)
    later = replace(
        job,
        runs={
            key: replace(job.runs[key], state=RunState.COMPLETE),
            other: Run(other, RunKind.TRACE, RunState.STARTING, 3000, 9000),
        },
        decisions=(*job.decisions, Decision(3000, "wave", "promote", "go on")),
    )
    store.save_job(later)
    # THEN it reads back so, now and after another restart
    assert store.job("j1") == later
    assert database.reopen().job("j1") == later


def test_an_ended_job_may_still_change(store: Store) -> None:
    # GIVEN an ended job
    job = a_job(state=JobState.DONE)
    store.save_job(job)
    # WHEN a late part makes a lost run a complete one
    (key,) = job.runs
    later = replace(job, runs={key: replace(job.runs[key], state=RunState.COMPLETE, elapsed_ms=5000)})
    store.save_job(later)
    # THEN it is saved
    assert store.job("j1") == later


def test_the_order_of_runs_and_decisions_is_kept(store: Store) -> None:
    keys = [RunKey("j1", host, 1) for host in ("c", "a", "b")]
    runs = {key: Run(key, RunKind.TRACE, RunState.STARTING, 1, 2) for key in keys}
    store.save_job(replace(a_job(), runs=runs))
    store.save_job(replace(a_job(), runs={**runs, keys[1]: replace(runs[keys[1]], state=RunState.RUNNING)}))
    job = store.job("j1")
    assert job is not None
    assert list(job.runs) == keys


def test_a_job_that_could_not_be_read_back_leaves_the_last_one(store: Store) -> None:
    store.save_job(a_job())
    (run,) = a_job("j2").runs.values()
    for broken in (
        replace(a_job(), canaries=(CanaryCheck("api-1", "", events_per_s=float("nan")),)),
        replace(a_job(), runs={run.key: run}),  # another job's
    ):
        with pytest.raises(Malformed):
            store.save_job(broken)
    assert store.job("j1") == a_job()


def test_the_newest_jobs_come_first(store: Store) -> None:
    for number, created_at_ms in enumerate((3000, 1000, 2000, 3000), 1):
        store.save_job(a_job(f"j{number}", created_at_ms))
    store.save_job(a_job("j2", 1000, JobState.DONE))  # a change makes no job newer
    assert [job.spec.job_id for job in store.jobs(10)] == ["j4", "j1", "j3", "j2"]
    assert [job.spec.job_id for job in store.jobs(2)] == ["j4", "j1"]
    assert store.jobs(0) == store.jobs(-1) == []


def test_unfinished_jobs_come_oldest_first(database: Reopened) -> None:
    for number, state in enumerate(JobState, 1):
        database.store.save_job(a_job(f"j{number}", 10_000 - number, state))
    expected = [job for job in reversed(list(database.store.jobs(99))) if not job.state.ended]
    assert [job.state for job in expected] == [JobState.STOPPING, JobState.TRACING, JobState.CHECKING]
    assert database.store.unfinished_jobs() == expected
    assert database.reopen().unfinished_jobs() == expected


# Requests


def test_a_request_finds_the_job_that_it_made(database: Reopened) -> None:
    database.store.save_job(a_job(), "request-1")
    assert database.store.job_id_of_request("request-1") == "j1"
    assert database.reopen().job_id_of_request("request-1") == "j1"
    assert database.store.job_id_of_request("request-2") is None


def test_the_request_is_kept_from_the_first_save(store: Store) -> None:
    store.save_job(a_job(), "request-1")
    store.save_job(a_job(state=JobState.DONE))
    store.save_job(a_job(state=JobState.DONE), "request-2")
    assert store.job_id_of_request("request-1") == "j1"
    assert store.job_id_of_request("request-2") is None


def test_jobs_without_a_request_are_many_and_none_is_found_by_it(store: Store) -> None:
    store.save_job(a_job("j1"))
    store.save_job(a_job("j2"))
    assert store.job_id_of_request("") is None
    assert len(store.jobs(10)) == 2


def test_a_request_makes_no_second_job(store: Store) -> None:
    store.save_job(a_job("j1"), "request-1")
    with pytest.raises(StoreFailed, match="'request-1' has made job j1"):
        store.save_job(a_job("j2"), "request-1")
    assert store.job("j2") is None


# Parts


def test_a_part_reads_back_as_saved(database: Reopened) -> None:
    snapshot = Snapshot(
        histograms=(Histogram((("disk", "sda"),), "us", LOG2, ((0, 1), (7, 2))),),
        stacks=(STACK, Stack(("a",), 1, "samples"), STACK),
        counts=(Count((("process", "nginx"),), 4),),
        events=(Event(5, (("pid", "1"),)),),
    )
    part = a_part(snapshot=snapshot)
    database.store.save_job(a_job())
    assert database.store.save_part(part)
    assert database.store.parts("j1") == [part]
    assert database.reopen().parts("j1") == [part]


@QUICK
@given(part=strategies.host_parts)
def test_any_part_reads_back_as_saved(store: Store, part: HostPart) -> None:
    own = replace(part, part=replace(part.part, kind=RunKind.TRACE))
    job_id = own.part.run.job_id
    store.save_job(a_job(job_id))
    if store.save_part(own):
        assert own in store.parts(job_id)


def test_a_final_part_is_never_replaced(store: Store) -> None:
    store.save_job(a_job())
    assert store.save_part(a_part(events=5))
    # Sent again, sent again with other numbers, an interim one that was late: nothing changes.
    assert not store.save_part(a_part(events=5))
    assert not store.save_part(a_part(events=6))
    assert not store.save_part(a_part(events=4, final=False))
    assert store.parts("j1") == [a_part(events=5)]


def test_an_interim_part_is_replaced_by_the_next_and_by_the_final_one(store: Store) -> None:
    store.save_job(a_job())
    assert store.save_part(a_part(events=1, final=False))
    assert not store.save_part(a_part(events=1, final=False))
    assert store.save_part(a_part(events=2, final=False))
    assert store.parts("j1") == [a_part(events=2, final=False)]
    assert store.save_part(a_part(events=2, final=True))
    assert store.parts("j1") == [a_part(events=2)]


def test_parts_come_by_host_and_attempt(store: Store) -> None:
    store.save_job(a_job())
    store.save_job(a_job("j2"))
    saved = [a_part("b"), a_part("a", attempt=10), a_part("a", attempt=2), a_part("a", job_id="j2")]
    for part in saved:
        store.save_part(part)
    assert store.parts("j1") == [saved[2], saved[1], saved[0]]
    assert store.parts("j1", "a") == [saved[2], saved[1]]
    assert store.parts("j1", "c") == store.parts("j3") == []


def test_the_parts_of_frequency_checks_are_kept_apart(store: Store) -> None:
    store.save_job(a_job())
    assert store.save_part(a_part(kind=RunKind.FREQUENCY_CHECK))
    assert store.parts("j1") == []
    assert not store.save_part(a_part(kind=RunKind.FREQUENCY_CHECK, events=9))


def test_a_part_belongs_to_a_job(store: Store) -> None:
    with pytest.raises(NotFound, match="no job 'j1'"):
        store.save_part(a_part())
    assert store.parts("j1") == []


def test_two_stacks_with_one_hash_are_refused_and_nothing_is_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a hash that cannot tell stacks of one length apart, and a part that is kept
    store.save_job(a_job())
    monkeypatch.setattr(blobs, "stack_hash", lambda frames: bytes([len(frames)]) * 16)
    first = a_part("a", snapshot=Snapshot(stacks=(Stack(("x", "y"), 1, "us"),)))
    store.save_part(first)
    # WHEN a part comes with other frames under a hash that is known, and a new stack besides
    clash = a_part("b", snapshot=Snapshot(stacks=(Stack(("new",), 1, "us"), Stack(("x", "z"), 1, "us"))))
    with pytest.raises(Malformed, match="two different stacks share the hash 0202"):
        store.save_part(clash)
    # THEN nothing of it is kept, not even the stack that was no problem
    assert store.parts("j1") == [first]
    other = a_part("b", snapshot=Snapshot(stacks=(Stack(("newer",), 1, "us"),)))
    assert store.save_part(other)
    # AND the same within one part, and in a merge
    with pytest.raises(Malformed):
        store.save_part(
            a_part("c", snapshot=Snapshot(stacks=(Stack(("a", "b", "p"), 1, "us"), Stack(("a", "b", "q"), 1, "us"))))
        )
    with pytest.raises(Malformed):
        store.save_merged("j1", Snapshot(stacks=(Stack(("x", "z"), 1, "us"),)))
    assert store.merged("j1") is None


def test_text_that_is_none_reads_back_marked(store: Store) -> None:
    # GIVEN a process whose name is no UTF-8, in everything that is saved
    name = os.fsdecode(b"evil\xff")
    store.save_job(replace(a_job(), reason=name, decisions=(Decision(1, "host", "abort", name, name),)))
    store.save_host(replace(HOST, missing_reason=name))
    store.save_part(a_part(snapshot=Snapshot(stacks=(Stack((name,), 1, "us"),), counts=(Count((("p", name),), 1),))))
    # THEN it reads back with the byte marked
    job = store.job("j1")
    assert job is not None
    assert job.reason == job.decisions[0].reason == job.decisions[0].rule == r"evil\xff"
    assert store.hosts()[0].missing_reason == r"evil\xff"
    (part,) = store.parts("j1")
    assert part.part.snapshot.stacks[0].frames == (r"evil\xff",)
    assert part.part.snapshot.counts[0].key == (("p", r"evil\xff"),)


# Merges


def test_a_merge_is_kept_beside_its_parts(database: Reopened) -> None:
    # GIVEN parts of two hosts
    store = database.store
    store.save_job(a_job())
    for host in ("a", "b"):
        store.save_part(a_part(host, snapshot=Snapshot(stacks=(STACK,), counts=(Count((("of", host),), 2),))))
    merged = merge(part.part.snapshot for part in store.parts("j1"))
    # WHEN their merge is saved
    assert store.merged("j1") is None
    store.save_merged("j1", merged)
    # THEN it reads back, can be made again from the parts, and a newer one replaces it
    assert store.merged("j1") == merged == merge(part.part.snapshot for part in store.parts("j1"))
    assert database.reopen().merged("j1") == merged
    database.store.save_merged("j1", Snapshot())
    assert database.store.merged("j1") == Snapshot()


def test_a_merge_belongs_to_a_job(store: Store) -> None:
    with pytest.raises(NotFound, match="no job 'j1'"):
        store.save_merged("j1", Snapshot())


# The end


USES: dict[str, Callable[[Store], object]] = {
    "save_host": lambda store: store.save_host(HOST),
    "hosts": lambda store: store.hosts(),
    "save_job": lambda store: store.save_job(a_job()),
    "job": lambda store: store.job("j1"),
    "job_id_of_request": lambda store: store.job_id_of_request("request-1"),
    "jobs": lambda store: store.jobs(1),
    "unfinished_jobs": lambda store: store.unfinished_jobs(),
    "save_part": lambda store: store.save_part(a_part()),
    "parts": lambda store: store.parts("j1"),
    "save_merged": lambda store: store.save_merged("j1", Snapshot()),
    "merged": lambda store: store.merged("j1"),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_store_says_so(store: Store, use: str) -> None:
    store.save_job(a_job())
    store.close()
    with pytest.raises(StoreFailed, match="closed"):
        USES[use](store)


def test_every_method_of_the_port_is_tried_on_a_closed_store() -> None:
    methods = {name for name in vars(Store) if not name.startswith("_") and callable(getattr(Store, name))}
    assert methods == {*USES, "close"}


def test_closing_twice_is_closing_once(store: Store) -> None:
    store.close()
    store.close()
