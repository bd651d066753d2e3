"""Laws of the ledger: never over a host's budget, in order of priority and age, and nobody waits for ever."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from controller.scheduler.ledger import Admission, Claim, Room, plan_admission
from fleettrace.model.job import Priority

HOSTS = ("a", "b", "c")
ROOM = Room(max_runs=2, max_cpu_pct=10.0)


def claim(job_id: str, *hosts: str, at: int = 0, pct: float = 5.0, incident: bool = False, **more: bool) -> Claim:
    priority = Priority.INCIDENT if incident else Priority.ROUTINE
    return Claim(job_id, priority, at, dict.fromkeys(hosts, pct), **more)


claims = st.builds(
    lambda at, hosts, pct, incident, leaving: (at, hosts, pct, incident, leaving),
    st.integers(0, 5),
    st.sets(st.sampled_from(HOSTS), min_size=1),
    st.sampled_from((0.1, 2.5, 5.0, 10.0)),
    st.booleans(),
    st.booleans(),
)


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[list[Claim], list[Claim]]:
    """Claims that are held, within the budget, and claims that wait."""
    made = [
        claim(f"j{i}", *sorted(hosts), at=at, pct=pct, incident=incident, leaving=leaving)
        for i, (at, hosts, pct, incident, leaving) in enumerate(draw(st.lists(claims, max_size=10)))
    ]
    held: list[Claim] = []
    for one in made[: draw(st.integers(0, 5))]:
        if _within([*held, one]):
            held.append(one)
    ids = {one.job_id for one in held}
    waiting = [
        claim(
            one.job_id,
            *one.cpu_pct,
            at=one.asked_at_ms,
            pct=next(iter(one.cpu_pct.values())),
            incident=one.priority is Priority.INCIDENT,
        )
        for one in made
        if one.job_id not in ids
    ]
    return held, draw(st.permutations(waiting))


def _within(taken: Sequence[Claim]) -> bool:
    runs = Counter(host for one in taken for host in one.cpu_pct)
    used = {host: sum(one.cpu_pct.get(host, 0.0) for one in taken) for host in HOSTS}
    return all(runs[host] <= ROOM.max_runs and used[host] <= ROOM.max_cpu_pct + 1e-6 for host in HOSTS)


def _plan(held: Sequence[Claim], waiting: Sequence[Claim]) -> Admission:
    return plan_admission(held, waiting, lambda _: ROOM)


@given(ledgers())
def test_no_host_is_ever_over_its_budget_and_everybody_has_an_answer(ledger: tuple[list[Claim], list[Claim]]) -> None:
    held, waiting = ledger
    plan = _plan(held, waiting)
    by_id = {one.job_id: one for one in waiting}
    assert _within([*held, *(by_id[job_id] for job_id in plan.admit)])
    assert {*plan.admit, *plan.places} == set(by_id)
    assert sorted(place.position for place in plan.places.values()) == list(range(1, len(plan.places) + 1))


@given(ledgers())
def test_the_order_is_by_priority_and_age(ledger: tuple[list[Claim], list[Claim]]) -> None:
    held, waiting = ledger
    plan = _plan(held, waiting)
    left = sorted((one for one in waiting if one.job_id in plan.places), key=lambda one: one.order)
    assert [plan.places[one.job_id].position for one in left] == list(range(1, len(left) + 1))
    # Nobody begins on a host for which an earlier one waits.
    for first in left:
        for later in waiting:
            if later.job_id in plan.admit and later.order > first.order:
                assert not set(first.cpu_pct) & set(later.cpu_pct)
    # AND the order in which they are listed does not matter
    assert _plan(held, waiting[::-1]) == plan


@given(ledgers())
def test_only_routine_jobs_give_way_and_only_where_it_lets_an_incident_begin(
    ledger: tuple[list[Claim], list[Claim]],
) -> None:
    held, waiting = ledger
    plan = _plan(held, waiting)
    by_id = {one.job_id: one for one in [*held, *waiting]}
    for victim, by in plan.preempt.items():
        assert by_id[victim].priority is Priority.ROUTINE
        assert not by_id[victim].leaving
        assert by_id[by].priority is Priority.INCIDENT
        assert set(by_id[victim].cpu_pct) & set(by_id[by].cpu_pct)
    for by in set(plan.preempt.values()):
        gone = {*plan.preempt, *(one.job_id for one in held if one.leaving)}
        staying = [one for one in held if one.job_id not in gone]
        staying += [by_id[job_id] for job_id in plan.admit if job_id not in gone]
        assert _within([*staying, by_id[by]])


@given(ledgers(), st.lists(claims, min_size=1, max_size=20))
def test_the_first_in_the_queue_begins_once_those_before_it_have_ended(
    ledger: tuple[list[Claim], list[Claim]], arrivals: list[tuple[int, set[str], float, bool, bool]]
) -> None:
    held, waiting = ledger
    plan = _plan(held, waiting)
    if not plan.places:
        return
    first = min((one for one in waiting if one.job_id in plan.places), key=lambda one: one.order)
    running = [*held, *(one for one in waiting if one.job_id in plan.admit)]
    queue = [one for one in waiting if one.job_id in plan.places]
    # WHEN jobs of no higher priority keep coming, and one after the other of those that were on ends
    for number, (_, hosts, pct, _, _) in enumerate(arrivals * 6):
        if not running and first not in queue:
            break
        queue.append(claim(f"n{number}", *sorted(hosts), at=100 + number, pct=pct))
        before = [one for one in running if not one.job_id.startswith("n")]
        if before:
            running.remove(before[0])
        plan = _plan(running, queue)
        running += [one for one in queue if one.job_id in plan.admit]
        queue = [one for one in queue if one.job_id not in plan.admit]
        if first not in queue:
            return
        if not before:
            break
    # THEN it has begun by the time that none of those is left
    assert first not in queue or any(one.job_id.startswith("j") for one in running)


def test_what_it_waits_for_is_named() -> None:
    held = [claim("j1", "a"), claim("j2", "a", "b", pct=6)]
    plan = _plan(held, [claim("j3", "a", at=1), claim("j4", "b", at=2), claim("j5", "a", "c", at=3)])
    assert plan.admit == ()
    assert [place.reason for place in plan.places.values()] == [
        "waits for a, which has 2 runs of at most 2 (j1, j2)",
        "waits for b, where 6% of at most 10% of one CPU is taken (j2) and it may need 5%",
        "waits for a, where j3 is before it",
    ]


def test_an_incident_ends_the_youngest_routine_job_in_its_way_and_no_other() -> None:
    held = [claim("old", "a", at=1), claim("young", "a", at=2), claim("other", "b", at=3)]
    plan = _plan(held, [claim("urgent", "a", at=9, incident=True)])
    assert plan.preempt == {"young": "urgent"}
    # AND nobody else while that one is leaving
    held[1] = claim("young", "a", at=2, leaving=True)
    again = _plan(held, [claim("urgent", "a", at=9, incident=True), claim("routine", "a", at=4)])
    assert (again.preempt, again.admit) == ({}, ())
    # AND none where it would not be enough
    assert (
        _plan(
            [claim("i1", "a", incident=True), claim("i2", "a", incident=True), claim("r", "b", pct=10)],
            [claim("urgent", "a", "b", incident=True)],
        ).preempt
        == {}
    )
