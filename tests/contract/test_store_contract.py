"""What every store does, sentence by sentence of ``controller/store/port.py``."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from controller.store.port import SeenBy, Store
from fleettrace.errors import Malformed, NotFound, StoreFailed
from fleettrace.model.audit import AuditEntry, AuditFilter
from fleettrace.model.host import Host
from fleettrace.model.job import CanaryCheck, Decision, Job, JobState, Run, RunState
from fleettrace.model.run import RunKey, RunKind
from fleettrace.snapshot import Snapshot
from tests.contract.stores import HOST, QUICK, Reopened, a_job, a_part
from tests.unit.fleettrace import strategies

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
    going_on = [JobState.STOPPING, JobState.TRACING, JobState.CHECKING, JobState.QUEUED, JobState.AWAITING]
    assert [job.state for job in expected] == going_on
    assert database.store.unfinished_jobs() == expected
    assert database.reopen().unfinished_jobs() == expected


def test_aborted_jobs_come_newest_first(database: Reopened) -> None:
    # GIVEN jobs that ended in every way, one that was aborted long ago, and one that was just now
    def ended(job_id: str, state: JobState, at_ms: int) -> Job:
        return replace(a_job(job_id, 1_000, state), finished_at_ms=at_ms)

    for number, state in enumerate(JobState):
        database.store.save_job(ended(f"j{number}", state, 5_000))
    database.store.save_job(ended("old", JobState.ABORTED, 3_999))
    database.store.save_job(ended("new", JobState.ABORTED, 6_000))
    # THEN those that were aborted since are found, also after a restart, and no more than are asked for
    aborted = f"j{list(JobState).index(JobState.ABORTED)}"
    assert [job.spec.job_id for job in database.store.aborted_jobs(4_000, 9)] == ["new", aborted]
    assert [job.spec.job_id for job in database.store.aborted_jobs(4_000, 1)] == ["new"]
    assert [job.spec.job_id for job in database.reopen().aborted_jobs(3_999, 9)] == ["new", aborted, "old"]


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


def test_a_request_that_was_given_anothers_job_finds_it_and_makes_none(database: Reopened) -> None:
    database.store.save_job(a_job("j1"), "request-1")
    database.store.share_job("request-2", "j1")
    assert database.store.job_id_of_request("request-2") == "j1"
    assert database.reopen().job_id_of_request("request-2") == "j1"
    with pytest.raises(StoreFailed, match="'request-2' has made job j1"):
        database.store.save_job(a_job("j2"), "request-2")
    with pytest.raises(StoreFailed, match="'request-1' has made job j1"):
        database.store.share_job("request-1", "j1")
    with pytest.raises(NotFound):
        database.store.share_job("request-3", "j9")


# The end


USES: dict[str, Callable[[Store], object]] = {
    "save_host": lambda store: store.save_host(HOST),
    "hosts": lambda store: store.hosts(),
    "save_job": lambda store: store.save_job(a_job()),
    "job": lambda store: store.job("j1"),
    "job_id_of_request": lambda store: store.job_id_of_request("request-1"),
    "share_job": lambda store: store.share_job("request-1", "j1"),
    "jobs": lambda store: store.jobs(1),
    "unfinished_jobs": lambda store: store.unfinished_jobs(),
    "aborted_jobs": lambda store: store.aborted_jobs(0, 1),
    "save_part": lambda store: store.save_part(a_part()),
    "parts": lambda store: store.parts("j1"),
    "save_merged": lambda store: store.save_merged("j1", Snapshot()),
    "merged": lambda store: store.merged("j1"),
    "set_share": lambda store: store.set_share("j1", "db", shared=True),
    "shares": lambda store: store.shares("j1"),
    "teams": lambda store: store.teams(),
    "granted_since": lambda store: store.granted_since("db", 0),
    "begin_epoch": lambda store: store.begin_epoch("c1", 1),
    "audit": lambda store: store.audit([]),
    "audit_head": lambda store: store.audit_head(),
    "audit_records": lambda store: store.audit_records(AuditFilter(), 0, 1, 1),
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


# Who sees which job


def test_jobs_are_seen_by_their_team_and_by_those_they_are_shared_with(database: Reopened) -> None:
    store = database.store
    for number, team in enumerate(("db", "web", "db")):
        store.save_job(with_team(a_job(f"j{number}", created_at_ms=number), team))
    store.set_share("j1", "ops", shared=True)
    store.set_share("j1", "ops", shared=True)
    store.set_share("j2", "web", shared=True)
    store = database.reopen()
    assert seen(store, SeenBy(("db",), ("db",))) == ["j2", "j0"]
    assert seen(store, SeenBy(("web",), ("web",))) == ["j2", "j1"]
    assert seen(store, SeenBy(("ops",), ("ops",))) == ["j1"]
    assert seen(store, SeenBy(("db", "web"), ("ops",))) == ["j2", "j1", "j0"]
    assert seen(store, SeenBy((), ())) == []
    assert [job.spec.job_id for job in store.jobs(1, SeenBy(("db",), ()))] == ["j2"]
    assert store.shares("j1") == ("ops",)
    store.set_share("j1", "ops", shared=False)
    assert (store.shares("j1"), seen(store, SeenBy((), ("ops",)))) == ((), [])


def test_sharing_is_recorded_in_the_same_transaction_and_only_of_jobs_that_are_there(store: Store) -> None:
    store.save_job(a_job())
    head = store.audit_head()
    entry = AuditEntry(1, "ann", "sre", "job.visibility", "j1", "shared")
    store.set_share("j1", "db", shared=True, audit=[entry])
    assert store.audit_head().number == head.number + 1
    with pytest.raises(NotFound):
        store.set_share("j9", "db", shared=True, audit=[entry])
    assert store.audit_head().number == head.number + 1


def test_jobs_that_a_rule_has_let_run_are_counted_by_team_and_time(database: Reopened) -> None:
    store = database.store
    for number, (team, verdict, rule) in enumerate(
        (
            ("db", "granted", "a"),
            ("db", "granted", "a"),
            ("db", "awaiting approval", "b"),
            ("db", "denied", "a"),
            ("web", "granted", "a"),
            ("db", "granted", "a"),
        )
    ):
        job = with_team(a_job(f"j{number}", created_at_ms=100 + number), team)
        store.save_job(replace(job, decisions=(Decision(100 + number, "policy", verdict, "", rule),)))
    store = database.reopen()
    assert store.granted_since("db", 0) == {"a": 3, "b": 1}
    assert store.granted_since("db", 101) == {"a": 1, "b": 1}
    assert store.granted_since("web", 0) == {"a": 1}
    assert store.granted_since("ops", 0) == {}
    assert store.teams() == ["db", "web"]


def with_team(job: Job, team: str) -> Job:
    return replace(job, spec=replace(job.spec, team=team))


def seen(store: Store, seen_by: SeenBy) -> list[str]:
    return [job.spec.job_id for job in store.jobs(10, seen_by)]
