from dataclasses import replace
from random import Random

import pytest

from controller.analysis.samples import Category, Sample
from controller.analysis.shifts import shift_deviates
from fleettrace.snapshot import LOG2, bucket_bounds, bucket_index
from tests.bench.outliers.draws import multinomial
from tests.bench.outliers.synthetic import HealthyHost, Hump, slowed

EVENTS = 20_000
HUMP = Hump(1.0, 8.0, 1.2)


def sample(buckets: dict[int, int]) -> Sample:
    total = sum(buckets.values())
    weights: dict[Category, int] = {index: count for index, count in buckets.items()}  # noqa: C416
    return Sample("h", total, total, weights, buckets=buckets)


def fleet(hosts: int, seed: int, jitter: float, part: float = 0.0, octaves: int = 1) -> list[Sample]:
    """The first host has a shift."""
    random, host = Random(seed), HealthyHost("log-normal", (HUMP,), jitter)
    shares = [slowed(host(random), part, octaves), *(host(random) for _ in range(hosts - 1))]
    return [sample(multinomial(random, EVENTS, own)) for own in shares]


def deviates(samples: list[Sample], scheme: str = LOG2, variance: float = 0.0) -> list[float]:
    return shift_deviates(samples, scheme, [0.0] * len(samples), variance).either


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_shift_that_is_less_than_the_hosts_differ_by_is_found_for_its_pattern(seed: int) -> None:
    # GIVEN centres that differ by 0.2 octaves, and a host whose mean is 0.15 octaves higher by 5% of its events
    found = deviates(fleet(40, seed, 0.2, 0.05, 3))
    assert max(found) == found[0] > 4


def test_healthy_hosts_have_deviates_as_the_largest_of_normal_ones_has() -> None:
    for seed in range(8):
        assert max(deviates(fleet(20, seed, 0.1), variance=1e-4)) < 5


def test_one_odd_host_does_not_hide_in_the_covariance_that_it_makes_itself() -> None:
    # GIVEN that it is measured with the others, nothing having been odd about it before
    found = deviates(fleet(12, 5, 0.0, 0.5, 3))
    assert found[0] > 8 > max(found[1:])


def test_finer_buckets_are_compared_as_octaves() -> None:
    coarse = fleet(10, 7, 0.1, 0.2, 2)
    fine = [
        replace(own, buckets={bucket_index("log2.2", bucket_bounds(LOG2, at)[0]): n for at, n in own.buckets.items()})
        for own in coarse
    ]
    assert deviates(fine, "log2.2") == deviates(coarse)


def test_values_in_one_octave_cannot_be_shifted() -> None:
    assert deviates([sample({4: 200 + number}) for number in range(9)]) == [0.0] * 9


def test_alike_hosts_have_none() -> None:
    assert deviates([sample({3: 300, 4: 200, 5: 10})] * 9) == [0.0] * 9


def test_shorter_values_are_a_shift_and_not_a_longer_one() -> None:
    random = Random(4)
    usual = {3: 0.2, 4: 0.5, 5: 0.3}
    samples = [sample(multinomial(random, EVENTS, usual)) for _ in range(12)]
    samples.append(sample(multinomial(random, EVENTS, {2: 0.05, 3: 0.25, 4: 0.45, 5: 0.25})))
    samples.append(sample(multinomial(random, EVENTS, {3: 0.15, 4: 0.45, 5: 0.30, 6: 0.10})))
    found = shift_deviates(samples, LOG2, [0.0] * 12 + [9.0] * 2, 1e-5)
    shorter, longer = found.either[12:]
    assert min(shorter, longer) > 5
    assert found.longer[12] < 3
    assert found.longer[13] == longer
