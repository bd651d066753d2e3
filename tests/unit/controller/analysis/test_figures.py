"""The figures of docs/reading.md on a small part of the corpus; ``python -m tests.bench.outliers`` has them all."""

from controller.analysis.compare import compare_parts
from tests.bench.outliers.captures import read_captures
from tests.bench.outliers.fleet import Fleet
from tests.bench.outliers.real import real_fleets
from tests.bench.outliers.stacks import stack_fleets
from tests.bench.outliers.synthetic import synthetic_fleets

SEED = 3
SMALL = 0.04


def accused(fleet: Fleet) -> set[str]:
    return {found.host for found in compare_parts(fleet.parts) if found.verdict.named}


def test_synthetic_fleets_are_hardly_ever_accused_wrongly_and_large_shifts_are_found() -> None:
    fleets = list(synthetic_fleets(SEED, SMALL))
    assert sum(bool(accused(fleet) - fleet.odd) for fleet in fleets) <= 1
    large = [fleet for fleet in fleets if fleet.fault == "shift" and fleet.octaves * fleet.part_of_events >= 1]
    assert len(large) >= 6
    assert sum(accused(fleet) == fleet.odd for fleet in large) >= 0.7 * len(large)


def test_real_fleets_are_hardly_ever_accused_wrongly_and_the_odd_host_mostly_comes_first() -> None:
    fleets = list(real_fleets(SEED, read_captures(), 0.2))
    assert sum(bool(accused(fleet) - fleet.odd) for fleet in fleets) <= 1
    faulty = [fleet for fleet in fleets if fleet.odd and "runqlat" in fleet.family]
    assert sum(compare_parts(fleet.parts)[0].host in fleet.odd for fleet in faulty) >= 0.8 * len(faulty)


def test_a_frame_with_one_percent_more_is_mostly_named_with_its_host() -> None:
    fleets = [
        fleet for fleet in stack_fleets(SEED, read_captures(), 0.06) if fleet.odd and fleet.part_of_events <= 0.03
    ]
    assert len(fleets) >= 5
    firsts = [(fleet, compare_parts(fleet.parts)[0]) for fleet in fleets]
    named = [
        first.host in fleet.odd
        and any(first.evidence.startswith((f"{item}:", f"{item} itself:")) for item in fleet.items)
        for fleet, first in firsts
    ]
    assert sum(named) >= 0.8 * len(named)


def test_the_corpus_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    one, same, other = (next(iter(synthetic_fleets(seed, 0.01))) for seed in (1, 1, 2))
    assert one == same
    assert one != other
