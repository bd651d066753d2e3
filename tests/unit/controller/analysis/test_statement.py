"""The answer in a sentence, and the same in numbers."""

import pytest

from controller.analysis.compare import compare_parts
from controller.analysis.findings import histogram_readings, suspect_of
from controller.analysis.statement import state_findings
from fleettrace.model.findings import HostVerdict
from fleettrace.model.job import HostPart
from fleettrace.model.run import Part, RunKey, RunKind, RunOutcome
from fleettrace.model.tool import Words
from fleettrace.snapshot import EMPTY, LOG2, Count, Event, Histogram, Snapshot, Stack

WAITS = Words("waits {} for a CPU", "wait")
QUICK = {1: 300, 2: 900, 3: 1500, 4: 800, 5: 200, 6: 60, 7: 10}


def part(host: str, snapshot: Snapshot, duration_ms: int = 5_000) -> HostPart:
    run = Part(RunKey("j1", host, 1), RunKind.TRACE, RunOutcome.COMPLETE, "", "bcc", 1, duration_ms, snapshot=snapshot)
    return HostPart(run, {}, "c1")


def waits(counts: dict[int, int], unit: str = "us", scheme: str = LOG2) -> Snapshot:
    return Snapshot(histograms=(Histogram((), unit, scheme, tuple(sorted(counts.items()))),))


def fleet(odd: Snapshot, usual: Snapshot, others: int = 11) -> list[HostPart]:
    return [part("h-0", odd), *(part(f"h-{number}", usual) for number in range(1, others + 1))]


def stated(parts: list[HostPart], words: Words = WAITS) -> str:
    return state_findings(compare_parts(parts), parts, words)


def test_the_host_by_how_much_where_and_that_nothing_else_differs() -> None:
    # GIVEN a host whose tail has 1,500 waits that others do not have, and which is as the others beside it
    slow = {**QUICK, 12: 700, 13: 600, 14: 200}
    # WHEN the answer is made
    # THEN it is short and true
    assert stated(fleet(waits(slow), waits(QUICK))) == (
        "h-0 waits 2.8 octaves longer for a CPU than the other 11 hosts; "
        "the extra 1,496 waits sit in 4.1-32.8 ms; nothing else differs"
    )


def test_what_else_differs_is_not_denied() -> None:
    # GIVEN a host whose short waits moved, too
    moved = {index + 2: count for index, count in QUICK.items()} | {13: 1500}
    assert "nothing else" not in stated(fleet(waits(moved), waits(QUICK)))
    # AND one with a second result that was compared
    slow = waits({**QUICK, 13: 1500})
    also = Count((), 500)
    two = fleet(Snapshot(slow.histograms, counts=(also,)), Snapshot(waits(QUICK).histograms, counts=(also,)))
    assert "h-0 waits" in stated(two)
    assert "nothing else" not in stated(two)


def test_an_odd_rate_is_told_and_not_denied() -> None:
    many = {index: 40 * count for index, count in {**QUICK, 13: 1500}.items()}
    told = stated(fleet(waits(many), waits(QUICK)))
    assert "times the events" in told
    assert "nothing else" not in told


def test_of_sizes_it_is_higher_and_of_shorter_waits_no_excess_is_told() -> None:
    small = {index: count for index, count in QUICK.items() if index < 3}
    assert stated(fleet(waits(small, "bytes"), waits(QUICK, "bytes")), Words()).startswith(
        "h-0 has values 1.2 octaves lower than the other 11 hosts"
    )


def test_stacks_and_counts_are_told_by_what_they_have_more_of() -> None:
    usual = Snapshot(stacks=(Stack(("app", "main", "work"), 5000, "samples"),))
    odd = Snapshot(stacks=(*usual.stacks, Stack(("app", "main", "parse"), 2000, "samples")))
    assert stated(fleet(odd, usual)) == "h-0: parse: 28.6% of its samples against 0% on the other 11 hosts"


def test_several_hosts_are_named() -> None:
    slow, quick = waits({**QUICK, 13: 1500}), waits(QUICK)
    parts = [part("h-0", slow), part("h-1", slow), *(part(f"h-{number}", quick) for number in range(2, 14))]
    assert stated(parts).endswith("h-1 stands out, too")


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([], "no host has answered"),
        ([part("h-0", EMPTY), part("h-1", EMPTY)], "nothing was recorded"),
        ([part("h-0", waits(QUICK))], "one host answered: there is none to compare it with"),
        (fleet(waits(QUICK), waits(QUICK)), "no host stands out among 12 hosts"),
        (
            fleet(waits(QUICK), waits(QUICK), others=3),
            "no host stands out among 4 hosts; with fewer than 8 hosts only a clear difference is told",
        ),
        (
            fleet(waits({3: 60}), waits({3: 50}), others=2),
            "3 hosts cannot be compared; h-1: not enough data: 50 of the 150 events that comparing needs; "
            "trace 3 times as long",
        ),
    ],
    ids=["none", "empty", "one", "identical", "few", "too little"],
)
def test_what_cannot_be_told_is_said(parts: list[HostPart], told: str) -> None:
    assert stated(parts) == told


def test_a_finding_has_the_numbers_of_its_sentence() -> None:
    parts = fleet(waits({**QUICK, 12: 700, 13: 800}), waits(QUICK))
    suspect = suspect_of(compare_parts(parts)[0])
    assert (suspect.host, suspect.verdict) == ("h-0", HostVerdict.OUTLIER)
    assert suspect.shape is not None
    assert suspect.shape.shift_octaves == pytest.approx(suspect.shape.octaves, rel=0.05)
    assert suspect.shape.excess == (4096, 16383)
    assert (suspect.shape.p99, suspect.shape.typical_p99) == ((8192, 16383), (64, 127))
    assert min(suspect.shape.cdf, key=lambda each: each.change).bucket[1] < 4096
    assert suspect.category.endswith("us") or "us on" in suspect.category
    assert suspect.rate is not None
    assert not suspect.rate.odd


def test_too_little_data_is_a_verdict_of_its_own() -> None:
    parts = [part("h-0", waits({3: 20})), *(part(f"h-{n}", waits(QUICK)) for n in range(1, 10))]
    verdicts = {found.host: suspect_of(found).verdict for found in compare_parts(parts)}
    assert verdicts["h-0"] is HostVerdict.NOT_ENOUGH_DATA
    assert verdicts["h-1"] is HostVerdict.RANKING


def test_readings_give_buckets_by_their_bounds() -> None:
    (reading,) = histogram_readings(waits({3: 5000, 4: 100, 12: 4000, 13: 500, 20: 3}))
    assert (reading.mode, reading.mode_count, reading.total) == ((8, 15), 5000, 9603)
    assert reading.quantiles[0] == (0.5, (8, 15))
    assert (reading.tail_from, reading.tail_count) == (4096, 4503)
    assert [(hump.peak, hump.gap_octaves) for hump in reading.humps] == [((8, 15), 9), ((4096, 8191), 0)]
    assert sum(hump.weight for hump in reading.humps) == pytest.approx(1)
    assert histogram_readings(waits({})) == ()


def test_events_alone_are_not_compared() -> None:
    parts = [part(host, Snapshot(events=(Event(1, (("output", "x"),)),))) for host in ("a", "b")]

    assert stated(parts) == "2 events of 2 hosts: there are no counts to compare"
