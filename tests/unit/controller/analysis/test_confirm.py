"""The second look at a host that stood out."""

import pytest

from controller.analysis.compare import compare_parts
from controller.analysis.confirm import Claim, Measure, claim_of, matched_controls, repeat_of
from fleettrace.model.job import HostPart
from fleettrace.snapshot import LOG2, Count, Snapshot, Stack
from tests.unit.controller.analysis.test_statement import QUICK, fleet, part, waits

SLOW = {**QUICK, 12: 700, 13: 600, 14: 200}


def claimed(parts: list[HostPart]) -> Claim:
    found = compare_parts(parts)
    claim = claim_of(found[0], parts, [each.host for each in found if each.verdict.named])
    assert claim is not None
    return claim


def some(*shapes: dict[int, int], scheme: str = LOG2) -> list[HostPart]:
    return [part(f"h-{n}", waits(shape, scheme=scheme)) for n, shape in enumerate(shapes)]


def test_the_same_host_slow_again_holds() -> None:
    # GIVEN what a scan claims of h-0
    claim = claimed(fleet(waits(SLOW), waits(QUICK)))
    assert (claim.host, claim.measure, round(claim.effect, 1)) == ("h-0", Measure.SHIFT, 2.8)
    # WHEN it is looked at again beside three controls
    repeat = repeat_of(claim, some(SLOW, QUICK, QUICK, QUICK))
    # THEN it holds
    assert repeat.held
    assert repeat.told.startswith("h-0 is 2.8 octaves longer than its controls; the controls differ by at most 0.0")


def test_finer_buckets_say_the_same() -> None:
    claim = claimed(fleet(waits(SLOW), waits(QUICK)))
    fine = [{4 * index + 3: count for index, count in shape.items()} for shape in (SLOW, QUICK, QUICK, QUICK)]
    assert repeat_of(claim, some(*fine, scheme="log2.2")).held


@pytest.mark.parametrize(
    "shapes",
    [
        (QUICK, QUICK, QUICK, QUICK),
        ({index - 1: count for index, count in QUICK.items()}, QUICK, QUICK, QUICK),
        ({**QUICK, 13: 200}, QUICK, QUICK, QUICK),
        (SLOW, SLOW, QUICK, QUICK),
        (SLOW, {**QUICK, 13: 1000}, QUICK, {index + 3: count for index, count in QUICK.items()}),
    ],
    ids=["healthy now", "the other way", "far less so", "a control as slow", "controls all differ"],
)
def test_what_is_not_the_same_does_not_hold(shapes: tuple[dict[int, int], ...]) -> None:
    claim = claimed(fleet(waits(SLOW), waits(QUICK)))
    assert not repeat_of(claim, some(*shapes)).held


def test_too_little_data_does_not_hold_and_says_so() -> None:
    claim = claimed(fleet(waits(SLOW), waits(QUICK)))
    assert "h-0 had fewer than 150 events" in repeat_of(claim, some({13: 20}, QUICK, QUICK, QUICK)).told
    assert "all controls but one" in repeat_of(claim, some(SLOW, QUICK)).told
    assert not repeat_of(claim, some(SLOW, QUICK)).held
    assert not repeat_of(claim, []).held


def test_a_function_and_a_key_are_looked_for_again() -> None:
    usual = Snapshot(stacks=(Stack(("app", "main", "work"), 5000, "samples"),))
    odd = Snapshot(stacks=(*usual.stacks, Stack(("app", "main", "parse"), 2000, "samples")))
    claim = claimed(fleet(odd, usual))
    assert (claim.measure, claim.category) == (Measure.SHARE, "parse")
    assert repeat_of(claim, fleet(odd, usual, others=3)).held
    assert not repeat_of(claim, fleet(usual, usual, others=3)).held
    calls = Snapshot(counts=(Count((("syscall", "read"),), 9000),))
    more = Snapshot(counts=(*calls.counts, Count((("syscall", "fsync"),), 3000)))
    assert "25.0% of its counts more of fsync" in repeat_of(claimed(fleet(more, calls)), fleet(more, calls, 3)).told


def test_a_rate_is_looked_for_again() -> None:
    busy = {index: 16 * count for index, count in QUICK.items()}
    claim = claimed(fleet(waits(busy), waits(QUICK)))
    assert (claim.measure, claim.effect) == (Measure.RATE, 4.0)
    repeat = repeat_of(claim, some(busy, QUICK, QUICK, QUICK))
    assert repeat.held
    assert "16 times the events" in repeat.told
    assert not repeat_of(claim, some(QUICK, QUICK, QUICK, QUICK)).held


def test_controls_are_of_the_class_unnamed_and_most_alike_in_load() -> None:
    # GIVEN hosts of several loads, one of another class, one named too
    parts = fleet(waits(SLOW), waits(QUICK), others=8)
    loads = [part(f"l-{n}", waits({i: c * n for i, c in QUICK.items()})) for n in (2, 3, 9)]
    other = HostPart(parts[1].part, {}, "another class")
    claim = claimed(parts)
    # WHEN three are chosen
    controls = matched_controls(claim, [*loads, *parts, other], ["h-0", "h-1"])
    # THEN they are the ones with the rate nearest to that of h-0
    assert controls == ("h-2", "h-3", "h-4")
    assert matched_controls(claim, [parts[0], *loads], ["h-0"]) == ("l-2", "l-3", "l-9")
