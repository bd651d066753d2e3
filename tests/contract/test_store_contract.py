"""What every store does, sentence by sentence of ``controller/store/port.py``."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given

from controller.store.port import Store
from fleettrace.errors import Malformed, StoreFailed
from fleettrace.model.audit import AuditFilter
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
