"""The store's contract for the audit log: every decision is in it, in order, and the chain holds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from controller.audit.chain import GENESIS, Verifier, entry_of
from controller.store.audit_log import MAX_PAGE_BYTES
from controller.store.port import Store
from fleettrace.errors import Malformed
from fleettrace.model.audit import AuditEntry, AuditFilter, AuditHead
from fleettrace.model.job import CanaryCheck, Decision, Job, JobState, Run, RunState
from fleettrace.model.run import RunKey, RunKind
from tests.contract.stores import HOST, QUICK, Reopened, a_job
from tests.unit.fleettrace import strategies

REVOKED = AuditEntry(
    5_000, "kim", "sre", "host.revoked", "api-1", "done", "limits", {"why": "ünknown \udcff"}, ("api-1",)
)


def entries(store: Store, wanted: AuditFilter = AuditFilter()) -> list[AuditEntry]:  # noqa: B008 - immutable
    """Those after the first, which only names the database."""
    up_to = store.audit_head().number
    return [entry_of(record) for record in store.audit_records(wanted, 1, up_to, 9_999)]


def check_chain(store: Store, expected: AuditHead | None = None) -> str:
    """Verify all of it; the database's name."""
    verifier = Verifier(expected)
    for record in store.audit_records(AuditFilter(), 0, store.audit_head().number, 9_999):
        verifier.take(record)
    assert verifier.end() == store.audit_head()
    return verifier.database_id


def outcomes(found: Sequence[AuditEntry]) -> list[tuple[str, str]]:
    return [(entry.kind, entry.outcome) for entry in found]


def test_a_new_log_has_one_entry_which_names_the_database(database: Reopened) -> None:
    (first,) = database.store.audit_records(AuditFilter(), 0, 9, 9)
    assert (first.number, entry_of(first).kind) == (1, GENESIS)
    name = check_chain(database.store)
    assert len(name) == 32
    assert check_chain(database.reopen()) == name


def test_entries_read_back_as_added_also_after_a_restart(database: Reopened) -> None:
    database.store.audit([REVOKED, replace(REVOKED, at_ms=6_000)])
    # Bytes that are no text are marked, as everywhere.
    kept = replace(REVOKED, detail={"why": "ünknown \\xff"})
    assert entries(database.store) == [kept, replace(kept, at_ms=6_000)]
    head = database.store.audit_head()
    assert database.reopen().audit_head() == head
    database.store.audit([REVOKED])
    check_chain(database.store, head)


def test_what_is_saved_with_entries_has_them(store: Store) -> None:
    store.save_host(HOST, [REVOKED])
    store.save_job(a_job(), audit=[replace(REVOKED, kind="job.approval")])
    assert [entry.kind for entry in entries(store)] == [
        "host.revoked",
        "job.policy",
        "job.order",
        "job.approval",
    ]


def test_a_job_that_is_not_written_leaves_no_entry(store: Store) -> None:
    before = store.audit_head()
    with pytest.raises(Malformed):
        store.save_job(replace(a_job(), canaries=(CanaryCheck("api-1", "", events_per_s=float("nan")),)))
    assert store.audit_head() == before


def test_a_job_leaves_its_whole_story(store: Store) -> None:
    # GIVEN a job that is granted, checked, ordered to trace, cancelled by somebody else, and ended
    job = replace(a_job(), runs={}, decisions=(), state=JobState.CHECKING)
    granted = Decision(1_000, "policy", "granted", "grant sre", 'grant "sre"')
    check = RunKey("j1", "api-1", 1)
    trace = RunKey("j1", "api-1", 2)
    runs = {check: Run(check, RunKind.FREQUENCY_CHECK, RunState.STARTING, 1_000, 9_000)}
    steps = [replace(job, decisions=(granted,), runs=runs)]
    runs = {
        check: replace(runs[check], state=RunState.COMPLETE),
        trace: Run(trace, RunKind.TRACE, RunState.STARTING, 2_000, 9_000),
    }
    promoted = Decision(2_000, "canary", "promote", "fine", 'grant "sre"')
    steps.append(replace(job, state=JobState.TRACING, decisions=(granted, promoted), runs=runs))
    cancelled = Decision(3_000, "cancel", "cancelled", "cancelled by ann", operator="ann")
    runs = {**runs, trace: replace(a_job().runs[RunKey("j1", "api-1", 1)], key=trace, state=RunState.PARTIAL)}
    ended = replace(
        job,
        state=JobState.CANCELLED,
        decisions=(granted, promoted, cancelled),
        runs=runs,
        finished_at_ms=4_000,
    )
    # WHEN each step is saved, the last one twice
    for step in (*steps, ended, ended):
        store.save_job(step)
    # THEN each decision, each order and the end are there once
    found = entries(store)
    assert outcomes(found) == [
        ("job.policy", "granted"),
        ("job.order", "frequency_check"),
        ("job.canary", "promote"),
        ("job.order", "trace"),
        ("job.cancel", "cancelled"),
        ("job.end", "cancelled"),
    ]
    assert {(entry.team, entry.subject) for entry in found} == {("sre", "j1")}
    # AND who, what, where, by which rule, and at what cost
    assert [entry.operator for entry in found] == ["kim", "", "", "", "ann", ""]
    assert found[0].hosts == ("api-1", "api-2")
    assert (found[0].rule, found[0].detail["digest"], found[0].detail["params"]) == (
        'grant "sre"',
        "ab12",
        '{"pid": 7}',
    )
    assert found[3].hosts == ("api-1",)
    assert (found[5].at_ms, found[5].hosts) == (4_000, ("api-1",))
    assert (found[5].detail["events"], found[5].detail["answered"], found[5].detail["traced"]) == ("5", "1", "1")


def test_a_refused_job_is_one_entry(store: Store) -> None:
    denied = Decision(1_000, "policy", "denied", "no grant names the team", "no grant")
    store.save_job(replace(a_job(state=JobState.REFUSED), decisions=(denied,), runs={}))
    assert outcomes(entries(store)) == [("job.policy", "denied")]


def test_a_change_after_a_restart_adds_what_is_new_alone(database: Reopened) -> None:
    database.store.save_job(a_job())
    before = len(entries(database.store))
    restart = Decision(9_000, "restart", "interrupted", "the controller was restarted")
    ended = replace(a_job(state=JobState.INTERRUPTED), decisions=(*a_job().decisions, restart))
    database.reopen().save_job(ended)
    assert outcomes(entries(database.store)[before:]) == [("job.restart", "interrupted"), ("job.end", "interrupted")]


@QUICK
@given(job=strategies.jobs)
def test_every_decision_of_any_job_has_an_entry(store: Store, job: Job) -> None:
    before = store.audit_head()
    known = store.job(job.spec.job_id)
    store.save_job(job)
    added = store.audit_records(AuditFilter(), before.number, store.audit_head().number, 9_999)
    kinds = [entry_of(record).kind for record in added]
    old = known.decisions if known is not None else ()
    for number, decision in enumerate(job.decisions):
        if old[number : number + 1] != (decision,):
            assert kinds.count(f"job.{decision.kind}") >= 1
    check_chain(store, before)


# Reading


FILTERS = [
    (AuditFilter(), [2, 3, 4, 5]),
    (AuditFilter(teams=("sre",)), [2, 5]),
    (AuditFilter(teams=("sre", "db")), [2, 3, 5]),
    (AuditFilter(host="api-1"), [2, 4]),
    (AuditFilter(host="api-10"), [3]),
    (AuditFilter(host='api-1"'), []),
    (AuditFilter(kind="job"), [2, 3]),
    (AuditFilter(kind="job.wave"), [3]),
    (AuditFilter(kind="job.w"), []),
    (AuditFilter(kind="jo"), []),
    (AuditFilter(since_ms=30), [4, 5]),
    (AuditFilter(teams=("sre",), host="api-1", kind="job", since_ms=10), [2]),
]


def fill(store: Store) -> None:
    store.audit(
        [
            AuditEntry(10, "kim", "sre", "job.policy", "j1", "granted", hosts=("api-1", "api-2")),
            AuditEntry(20, "", "db", "job.wave", "j2", "promote", hosts=("api-10",)),
            AuditEntry(30, "ann", "", "host.revoked", "api-1", "done", hosts=("api-1",)),
            AuditEntry(40, "ann", "sre", "token.created", "t1", "done"),
        ]
    )


@pytest.mark.parametrize(("wanted", "numbers"), FILTERS)
def test_a_filter_finds_what_it_says_and_nothing_else(store: Store, wanted: AuditFilter, numbers: list[int]) -> None:
    fill(store)
    assert [one.number for one in store.audit_records(wanted, 1, 99, 99)] == numbers
    newest_first = store.audit_records(wanted, 1, 99, 99, oldest_first=False)
    assert [one.number for one in newest_first] == numbers[::-1]


def test_a_page_is_bounded_by_numbers_and_by_bytes(store: Store) -> None:
    fill(store)
    assert [one.number for one in store.audit_records(AuditFilter(), 1, 4, 2)] == [2, 3]
    assert [one.number for one in store.audit_records(AuditFilter(), 1, 4, 2, oldest_first=False)] == [4, 3]
    assert store.audit_records(AuditFilter(), 1, 4, -1) == []
    many = tuple(f"host-{number:05d}.example" for number in range(10_000))
    store.audit([replace(REVOKED, hosts=many)] * 45)
    page = store.audit_records(AuditFilter(), 5, 99, 99)
    size = len(page[0].body)
    assert len(page) == MAX_PAGE_BYTES // size < 45
