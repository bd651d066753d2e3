"""What is special to SQLite: columns for people, frames once, changes alone, failures in words."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.store.sqlite import SqliteStore
from fleettrace.errors import StoreFailed
from fleettrace.model.audit import AuditFilter
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.job import Decision, Job, JobState, Run, RunState
from fleettrace.model.run import RunCost, RunKey, RunKind, RunOutcome
from fleettrace.snapshot import Snapshot, Stack, merge

from .store_process import JOB, numbered_part


@pytest.fixture
def people(path: Path, store: SqliteStore) -> Iterator[sqlite3.Connection]:
    """Someone who looks into the database while the controller runs."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def one(people: sqlite3.Connection, sql: str) -> dict[str, Any]:
    (row,) = people.execute(sql).fetchall()
    return dict(row)


def running(count: int) -> Job:
    runs = [Run(RunKey("j1", f"host-{number}", 1), RunKind.TRACE, RunState.RUNNING, 1, 2) for number in range(count)]
    return replace(JOB, runs={run.key: run for run in runs})


def test_people_find_hosts_by_their_columns(store: SqliteStore, people: sqlite3.Connection) -> None:
    facts = HostFacts("6.1.0", "#1", "x86_64", 4)
    store.save_host(Host("api-1", {"zone": "a", "role": "api"}, facts, True, 5))
    assert one(
        people, "SELECT name, connected, last_seen_ms, host_class FROM hosts WHERE labels ->> 'role' = 'api'"
    ) == {
        "name": "api-1",
        "connected": 1,
        "last_seen_ms": 5,
        "host_class": facts.host_class,
    }


def test_people_find_jobs_decisions_and_runs_by_their_columns(store: SqliteStore, people: sqlite3.Connection) -> None:
    key = RunKey("j1", "api-1", 2)
    run = Run(key, RunKind.FREQUENCY_CHECK, RunState.FAILED, 1, 2, "no BTF", cost=RunCost(events=7, lost_events=3))
    store.save_job(
        replace(
            JOB,
            state=JobState.ABORTED,
            reason="too costly",
            runs={key: run},
            decisions=(Decision(5, "canary", "abort", "12 % > 5 %", "max_cpu_pct"),),
        ),
        "request-1",
    )
    job = one(people, "SELECT * FROM jobs WHERE team = 'sre' AND tool = 'profile' AND state = 'aborted' AND ended")
    assert (job["job_id"], job["operator"], job["selector"], job["duration_ms"]) == ("j1", "kim", "all", 1000)
    assert (job["reason"], job["request_id"]) == ("too costly", "request-1")
    assert one(people, "SELECT * FROM decisions") == {
        "job_id": "j1",
        "number": 0,
        "at_ms": 5,
        "kind": "canary",
        "verdict": "abort",
        "reason": "12 % > 5 %",
        "rule": "max_cpu_pct",
        "operator": "",
    }
    row = one(people, "SELECT kind, state, reason, events, lost_events FROM runs WHERE host = 'api-1' AND attempt = 2")
    assert tuple(row.values()) == ("frequency_check", "failed", "no BTF", 7, 3)


def test_people_find_parts_by_their_columns(store: SqliteStore, people: sqlite3.Connection) -> None:
    part = numbered_part(4)
    cost = RunCost(events=9, lost_events=2, truncated_stacks=1)
    changed = replace(part.part, outcome=RunOutcome.PARTIAL, reason="breaker", cost=cost)
    store.save_job(JOB)
    store.save_part(replace(part, part=changed))
    row = one(people, "SELECT * FROM parts WHERE outcome = 'partial' AND lost_events > 0 AND final")
    assert (row["job_id"], row["host"], row["attempt"], row["kind"]) == ("j1", "host-4", 1, "trace")
    assert (row["reason"], row["backend"], row["events"], row["truncated_stacks"]) == ("breaker", "replay", 9, 1)
    assert (row["started_at_ms"], row["duration_ms"]) == (4, 1000)


def test_frames_are_kept_once_for_the_whole_fleet(store: SqliteStore, people: sqlite3.Connection) -> None:
    # GIVEN many hosts with the same stacks
    deep = tuple(Stack(("main", *(f"function_{depth}_{index}" for depth in range(50))), 1, "us") for index in range(20))
    store.save_job(JOB)
    for number in range(10):
        part = numbered_part(number)
        store.save_part(replace(part, part=replace(part.part, snapshot=Snapshot(stacks=deep))))
    store.save_merged("j1", merge(part.part.snapshot for part in store.parts("j1")))
    # THEN each stack is there once, and a part is its hashes and values
    assert one(people, "SELECT count(*) AS stacks FROM stacks") == {"stacks": 20}
    assert one(people, "SELECT max(length(part)) < 20 * 40 AS small FROM parts") == {"small": 1}
    assert one(people, "SELECT instr(part, 'function') AS frames FROM parts LIMIT 1") == {"frames": 0}
    assert one(people, "SELECT instr(snapshot, 'function') AS frames FROM merged") == {"frames": 0}


def test_a_large_part_reads_back(store: SqliteStore) -> None:
    stacks = tuple(Stack(("main", f"f{number}"), number + 1, "us") for number in range(3000))
    part = replace(numbered_part(1), part=replace(numbered_part(1).part, snapshot=Snapshot(stacks=stacks)))
    store.save_job(JOB)
    assert store.save_part(part)
    assert store.parts("j1") == [part]


def test_saving_a_job_writes_what_has_changed(store: SqliteStore) -> None:
    # GIVEN a job with many runs
    job = running(200)
    store.save_job(job)
    before = store._tables._db.conn.total_changes
    # WHEN one run makes progress
    key = RunKey("j1", "host-7", 1)
    later = replace(job, runs={**job.runs, key: replace(job.runs[key], elapsed_ms=200)})
    store.save_job(later)
    # THEN the job's row and that run's are written, and no other
    assert store._tables._db.conn.total_changes - before == 2
    assert store.job("j1") == later


def test_a_save_that_fails_leaves_the_job_as_it_was(store: SqliteStore) -> None:
    # GIVEN a job, and a disk that fails on the last table that a save writes to
    store.save_job(JOB)
    db = store._tables._db
    db.execute("CREATE TRIGGER full BEFORE INSERT ON decisions BEGIN SELECT raise(FAIL, 'disk is full'); END")
    later = replace(running(3), reason="later", decisions=(Decision(1, "policy", "allow", ""),))
    # WHEN it is saved
    with pytest.raises(StoreFailed, match="cannot be written to: disk is full; check the disk") as failure:
        store.save_job(later)
    assert "\n" not in str(failure.value)
    # THEN nothing of it was written; and once the disk has space, all of it is
    assert store.job("j1") == JOB
    db.execute("DROP TRIGGER full")
    store.save_job(later)
    assert store.job("j1") == later


def test_a_part_that_fails_leaves_no_stacks(store: SqliteStore, people: sqlite3.Connection) -> None:
    store.save_job(JOB)
    store._tables._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON parts BEGIN SELECT raise(FAIL, 'disk is full'); END"
    )
    with pytest.raises(StoreFailed, match="disk is full"):
        store.save_part(numbered_part(1))
    assert one(people, "SELECT count(*) AS stacks FROM stacks") == {"stacks": 0}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE parts SET part = x'ffff'",
        "UPDATE parts SET part = x''",
        "DELETE FROM stacks",
        "UPDATE stacks SET frames = x'ff'",
        "UPDATE stacks SET frames = x''",
        "UPDATE stacks SET frames = x'ffffffff'",
        "UPDATE stacks SET frames = (SELECT frames FROM stacks WHERE number = 1)",
        "DELETE FROM frames",
        "DELETE FROM frames WHERE number = 1",
    ],
)
def test_what_does_not_hold_what_was_written_is_called_damaged(store: SqliteStore, damage: str) -> None:
    store.save_job(JOB)
    store.save_part(numbered_part(1))
    store._tables._db.execute(damage)
    with pytest.raises(StoreFailed, match=r"is damaged \(.*: restore a copy of it"):
        store.parts("j1")


def test_a_job_that_does_not_hold_what_was_written_is_called_damaged(store: SqliteStore) -> None:
    store.save_job(JOB)
    store._tables._db.execute("UPDATE jobs SET job = x'ffff'")
    with pytest.raises(StoreFailed, match="is damaged"):
        store.jobs(10)


def test_a_part_of_no_job_cannot_be_in_the_database(store: SqliteStore) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        store._tables._db.execute("INSERT INTO merged (job_id, snapshot) VALUES ('nobody', x'')")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET body = x'7b7d' WHERE number = 1",
        "UPDATE audit SET hash = 'x'",
        "DELETE FROM audit",
        "REPLACE INTO audit (number, body, hash) SELECT 1, body, 'x' FROM audit",
        "INSERT INTO audit (number, body, hash) SELECT 3, body, hash FROM audit",
    ],
)
def test_the_audit_log_is_only_ever_added_to(store: SqliteStore, change: str) -> None:
    store.save_job(JOB)
    before = store.audit_records(AuditFilter(), 0, 99, 99)
    with pytest.raises(sqlite3.IntegrityError, match="the audit log is only ever added to"):
        store._tables._db.execute(change)
    assert store.audit_records(AuditFilter(), 0, 99, 99) == before


def test_a_job_that_fails_to_be_written_leaves_no_entry(store: SqliteStore) -> None:
    db = store._tables._db
    before = store.audit_head()
    db.execute("CREATE TRIGGER full BEFORE INSERT ON decisions BEGIN SELECT raise(FAIL, 'disk is full'); END")
    with pytest.raises(StoreFailed, match="disk is full"):
        store.save_job(replace(JOB, decisions=(Decision(1, "policy", "granted", ""),)))
    assert store.audit_head() == before


def test_a_decision_whose_entry_cannot_be_written_has_not_happened(store: SqliteStore) -> None:
    store.save_job(JOB)
    store._tables._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(FAIL, 'disk is full'); END"
    )
    with pytest.raises(StoreFailed, match="disk is full"):
        store.save_job(replace(JOB, decisions=(Decision(1, "policy", "granted", ""),)))
    assert store.job("j1") == JOB
