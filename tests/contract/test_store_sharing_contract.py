"""What every store does with requests for jobs, and with who sees them."""

from dataclasses import replace

import pytest

from controller.store.port import SeenBy, Store
from fleettrace.errors import NotFound, StoreFailed
from fleettrace.model.audit import AuditEntry
from fleettrace.model.job import Decision, Job, JobState
from tests.contract.stores import Reopened, a_job


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
