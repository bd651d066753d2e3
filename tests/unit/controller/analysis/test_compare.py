from random import Random

import pytest

from controller.analysis.compare import MAX_LISTED, compare_parts
from fleettrace.model.job import HostPart
from fleettrace.snapshot import EMPTY
from tests.unit.controller.analysis.fleets import (
    calls,
    draw,
    drawn_fleet,
    healthy_shares,
    part,
    slowed,
    stacks,
    waits,
)

FAST = {4: 980, 5: 20}
SLOW = {4: 500, 12: 500}


def verdicts(parts: list[HostPart]) -> dict[str, str]:
    return {found.host: "suspect" if found.verdict.named else "ranking" for found in compare_parts(parts)}


def fleet(count: int, host_class: str = "c") -> list[HostPart]:
    return [waits(f"{host_class}-{number}", FAST, host_class) for number in range(1, count + 1)]


def test_among_five_hosts_the_slow_one_is_the_suspect_with_its_evidence() -> None:
    # GIVEN four hosts alike, and one with half of its values 8 octaves longer
    found = compare_parts([*fleet(4), waits("slow-1", SLOW)])
    # THEN it comes first, and what is said of it is what was measured
    assert found[0].host == "slow-1"
    assert found[0].verdict == "suspect"
    assert found[0].evidence == (
        "4.0 octaves longer than the other 4 hosts: p99 in [4096, 8191] us against [32, 63]; "
        "50.0% of its values are above 4095 us against 0%; 500 more than usual in 4096-8191 us "
        "(too few hosts for an outlier verdict)"
    )
    # root of 0.5 against 0, over sqrt(1/4000 + 1/4000)
    assert found[0].score == pytest.approx(0.70711 / 0.0223607, abs=0.01)


def test_the_others_are_ranked_and_not_accused_of_being_unlike_the_suspect() -> None:
    found = compare_parts([*fleet(4), waits("slow-1", SLOW)])
    assert [(other.host, other.verdict, other.score) for other in found[1:]] == [
        (f"c-{number}", "ranking", 0.0) for number in range(1, 5)
    ]
    assert {other.evidence for other in found[1:]} == {"like the other 3 unsuspected hosts (not clearly apart)"}


def test_with_eight_hosts_there_is_a_verdict_without_a_reservation() -> None:
    found = compare_parts([*fleet(7), waits("slow-1", SLOW)])
    assert (found[0].host, found[0].verdict) == ("slow-1", "outlier")
    assert found[0].evidence.endswith("against 0%; 500 more than usual in 4096-8191 us")


def test_a_fast_host_among_slow_ones_is_the_odd_one_too() -> None:
    found = compare_parts([*(waits(f"h-{number}", SLOW) for number in range(5)), waits("fast", FAST)])
    assert (found[0].host, found[0].verdict) == ("fast", "suspect")
    assert found[0].evidence.startswith("4.0 octaves shorter than the other 5 hosts: ")


@pytest.mark.parametrize(("unit", "first"), [("us", "slow"), ("bytes", "fast")])
def test_of_times_a_slower_host_stands_before_one_that_is_quicker_and_a_little_odder(unit: str, first: str) -> None:
    # GIVEN twenty hosts alike, one with some values 2 octaves up, and one with a few more 2 octaves down
    usual = {2: 40, 3: 150, 4: 300, 5: 300, 6: 150, 7: 50, 8: 10}
    wobble = [{**usual, 4: 300 + step, 5: 300 - step} for step in range(-10, 10)]
    slow = {2: 38, 3: 141, 4: 284, 5: 286, 6: 158, 7: 65, 8: 28}
    fast = {2: 66, 3: 176, 4: 305, 5: 291, 6: 130, 7: 29, 8: 2}
    hosts = [waits(f"h-{number}", own, unit=unit) for number, own in enumerate(wobble)]
    found = compare_parts([*hosts, waits("slow", slow, unit=unit), waits("fast", fast, unit=unit)])
    # THEN nobody is accused of so little, and of times the one that is slower comes first
    assert not any(each.verdict.named for each in found)
    scores = {each.host: abs(each.score) for each in found}
    assert scores["fast"] > scores["slow"] > 2
    assert found[0].host == first


def test_of_two_hosts_that_differ_neither_is_accused() -> None:
    found = compare_parts([*fleet(1), waits("slow-1", SLOW)])
    assert {other.verdict for other in found} == {"ranking"}
    assert found[0].evidence.endswith("against 50.0% (of two hosts nothing says which one is odd)")
    assert found[0].evidence.startswith("4.0 octaves shorter than the other host: ")


def test_two_kinds_of_hosts_are_no_outliers() -> None:
    mixed = [*fleet(4), *(waits(f"s-{number}", SLOW) for number in range(4))]
    assert set(verdicts(mixed).values()) == {"ranking"}
    assert set(verdicts(mixed[1:6]).values()) == {"ranking"}


def test_two_odd_hosts_among_many_are_both_named_and_compared_with_the_others() -> None:
    found = compare_parts([*fleet(10), waits("s-1", SLOW), waits("s-2", SLOW)])
    assert [(other.host, other.verdict) for other in found[:3]] == [
        ("s-1", "outlier"),
        ("s-2", "outlier"),
        ("c-1", "ranking"),
    ]
    assert found[0].evidence.startswith("4.0 octaves longer than the other 10 unsuspected hosts: ")


def test_hosts_of_another_class_are_not_compared() -> None:
    # GIVEN a class of slow hosts and a class of fast ones
    parts = [*fleet(5, "big"), *(waits(f"small-{number}", SLOW, "small") for number in range(5))]
    found = compare_parts(parts)
    assert {other.verdict for other in found} == {"ranking"}
    assert {other.evidence for other in found} == {"like the other 4 hosts of its class (not clearly apart)"}


def test_a_host_alone_in_its_class_is_said_to_be() -> None:
    found = compare_parts([*fleet(5), waits("arm-1", SLOW, "arm")])
    (alone,) = [other for other in found if other.host == "arm-1"]
    assert (alone.verdict, alone.score) == ("not enough data", 0.0)
    assert alone.evidence == "no other host of its class has the 150 events that comparing needs"


def test_units_are_never_mixed() -> None:
    found = compare_parts([*fleet(4), waits("ms-1", {4: 980, 5: 20}, unit="ms")])
    (other,) = [other for other in found if other.host == "ms-1"]
    assert other.evidence.startswith("no other host has")
    assert {other.verdict for other in found} == {"ranking", "not enough data"}


def test_a_host_with_too_few_events_is_not_judged_and_told_how_much_longer_to_trace() -> None:
    # GIVEN a host that looks slow, on 149 events
    found = compare_parts([*fleet(4), waits("h", {12: 149})])
    (other,) = [other for other in found if other.host == "h"]
    assert (other.verdict, other.score) == ("not enough data", 0.0)
    assert other.evidence == "not enough data: 149 of the 150 events that comparing needs; trace 1.1 times as long"
    assert verdicts([*fleet(4), waits("h", {12: 150})])["h"] == "suspect"


def test_a_silent_host_is_not_judged_either() -> None:
    found = compare_parts([*fleet(4), part("h", EMPTY)])
    assert found[-1].host == "h"
    assert found[-1].evidence == "not enough data: nothing recorded, and comparing needs 150 events"


def test_nothing_and_one_host_and_a_silent_fleet_have_no_suspect() -> None:
    assert compare_parts([]) == ()
    assert compare_parts([part("a", EMPTY), part("b", EMPTY)]) == ()
    (only,) = compare_parts(fleet(1))
    assert only.evidence == "no other host has the 150 events that comparing needs"


def test_a_busy_host_does_not_become_what_is_typical() -> None:
    # GIVEN one slow host with a thousand times the events of the others together
    busy = waits("busy", {index: count * 4000 for index, count in SLOW.items()})
    found = compare_parts([*fleet(4), busy])
    assert [other.host for other in found if other.verdict.named] == ["busy"]


def test_a_certain_difference_that_is_no_larger_than_usual_is_no_outlier() -> None:
    # GIVEN many events, hosts that differ by hundredths, and one that is a little further out than most
    parts = [waits(f"h-{number}", {4: 1_000_000, 5: 20_000 * (number % 3)}) for number in range(9)]
    parts.append(waits("h-9", {4: 1_000_000, 3: 20_000}))
    assert set(verdicts(parts).values()) == {"ranking"}


def test_counts_are_compared_by_key() -> None:
    usual = [calls(f"h-{number}", {"read": 500, "write": 500}) for number in range(4)]
    found = compare_parts([*usual, calls("odd", {"read": 300, "write": 300, "fsync": 400})])
    assert (found[0].host, found[0].verdict) == ("odd", "suspect")
    assert found[0].evidence == (
        "fsync: 40.0% of its counts against 0% on the other 4 hosts (too few hosts for an outlier verdict)"
    )


def test_stacks_are_compared_by_inclusive_frame() -> None:
    usual = [stacks(f"h-{number}", {"svc;main;serve;parse": 400, "svc;main;idle": 600}) for number in range(8)]
    found = compare_parts([*usual, stacks("odd", {"svc;main;serve;parse": 400, "svc;main;gc;sweep": 600})])
    assert (found[0].host, found[0].verdict) == ("odd", "outlier")
    assert found[0].evidence == "sweep: 60.0% of its samples against 0% on the other 8 hosts"


def test_hosts_where_everything_is_named_differently_accuse_nobody() -> None:
    # GIVEN services whose names no two hosts share
    parts = [calls(f"h-{number}", {f"service{number}": 1000}) for number in range(12)]
    assert set(verdicts(parts).values()) == {"ranking"}
    assert set(verdicts(parts[:5]).values()) == {"ranking"}


def test_the_answer_does_not_depend_on_the_order_of_the_parts() -> None:
    parts = drawn_fleet(Random(5), healthy_shares(Random(4), 9, 0.2))
    answer = compare_parts(parts)
    for seed in range(5):
        Random(seed).shuffle(parts)
        assert compare_parts(parts) == answer


def test_a_large_fleet_is_listed_by_its_suspects_and_the_head_of_the_ranking() -> None:
    silent = [part(f"silent-{number}", EMPTY) for number in range(20)]
    found = compare_parts([*fleet(40), *silent, waits("slow-1", SLOW)])
    assert found[0].host == "slow-1"
    assert len(found) == 1 + MAX_LISTED + MAX_LISTED


@pytest.mark.parametrize("hosts", [3, 4, 5, 6, 7, 8, 20])
def test_hosts_drawn_from_one_distribution_are_not_accused(hosts: int) -> None:
    random = Random(hosts)
    for _ in range(40):
        assert "suspect" not in verdicts(drawn_fleet(random, healthy_shares(random, hosts, 0))).values()


@pytest.mark.parametrize("hosts", [4, 5, 8, 20])
def test_hosts_that_differ_a_little_are_hardly_ever_accused(hosts: int) -> None:
    random = Random(hosts)
    fleets = [drawn_fleet(random, healthy_shares(random, hosts, 0.2)) for _ in range(40)]
    assert sum("suspect" in verdicts(parts).values() for parts in fleets) <= 1


@pytest.mark.parametrize("hosts", [4, 5, 8, 20])
def test_a_host_with_half_of_its_values_eight_octaves_longer_is_found_among_hosts_that_differ_a_little(
    hosts: int,
) -> None:
    random = Random(hosts)
    found = 0
    for _ in range(40):
        shares = healthy_shares(random, hosts, 0.2)
        parts = drawn_fleet(random, [slowed(shares[0], 0.5, 8), *shares[1:]])
        found += [host for host, verdict in verdicts(parts).items() if verdict == "suspect"] == ["h-0"]
    assert found >= 36


def test_resamples_of_one_measured_histogram_are_not_accused() -> None:
    # GIVEN run-queue waits as measured on a quiet machine, resampled as if by so many hosts
    measured = [51, 207, 314, 295, 180, 113, 57, 68, 127, 41, 41, 23, 14, 1]
    random = Random(1)
    for hosts in (4, 6, 12):
        for _ in range(30):
            parts = [waits(f"h-{number}", draw(random, measured, 1500)) for number in range(hosts)]
            assert "suspect" not in verdicts(parts).values()
