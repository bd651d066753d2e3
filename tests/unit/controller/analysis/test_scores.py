from collections.abc import Mapping
from random import Random

import pytest

from controller.analysis.samples import Category, Sample, group_samples
from controller.analysis.scores import MAD_TO_SIGMA, PRIOR_HOSTS, SINGLE_PART, Centre, score_few_hosts, score_hosts
from controller.analysis.table import Tail
from tests.unit.controller.analysis.fleets import waits


def sample(weights: Mapping[Category, int]) -> Sample:
    total = sum(weights.values())
    return Sample("h", total, total, weights)


def test_among_alike_hosts_only_sampling_counts() -> None:
    # GIVEN seven hosts with 25 of 100 in a, and one with 81: roots 0.5 and 0.9, and of the rest 0.8660 and 0.4359
    samples = [sample({"a": 25, "b": 75})] * 7 + [sample({"a": 81, "b": 19})]
    scores = score_hosts(samples).of_hosts
    # THEN the spreads are 0 and the variances 1/400 for the others and 1/400 for the host, so that b has
    # (0.4359 - 0.8660) / sqrt(0.005) = -6.083, which is more than the (0.9 - 0.5) / sqrt(0.005) = 5.657 of a
    assert scores[7].z == pytest.approx(-6.083, abs=0.001)
    assert scores[7].category == "b"
    assert [score.z for score in scores[:7]] == [0.0] * 7


def test_a_spread_is_mixed_with_the_usual_one_in_proportion_to_the_hosts_it_rests_on() -> None:
    # GIVEN so many events that sampling does not count, and roots 0.1 .. 0.4 and 0.9 of a: median 0.3, MAD 0.1
    samples = [sample({"a": share, "b": 1_000_000 - share}) for share in (10_000, 40_000, 90_000, 160_000, 810_000)]
    centres = score_hosts(samples).centres
    # of b: 0.9950, 0.9798, 0.9539, 0.9165, 0.4359: median 0.9539, MAD 0.0374
    own = [(MAD_TO_SIGMA * mad) ** 2 for mad in (0.1, 0.0374453)]
    usual = sum(own) / 2
    for category, variance in zip("ab", own, strict=True):
        mixed = (4 * variance + PRIOR_HOSTS * usual) / (4 + PRIOR_HOSTS)
        assert centres[category].variance == pytest.approx(mixed, rel=0.01)


def test_one_odd_host_moves_neither_centre_nor_spread() -> None:
    usual = [sample({"a": 4900 + 50 * step, "b": 5100 - 50 * step}) for step in range(9)]
    alone = score_hosts(usual).of_hosts
    beside_odd = score_hosts([*usual, sample({"c": 10_000})]).of_hosts
    assert abs(beside_odd[9].z) > 15
    assert all(abs(after.z) <= abs(before.z) + 1 for before, after in zip(alone, beside_odd, strict=False))


def test_a_category_that_most_hosts_lack_is_judged_against_none() -> None:
    # GIVEN 16 of 1600 events in a category that nobody else has: root 0.1, sqrt(1/6400 + 1/6400) = 0.017678
    samples = [sample({"a": 1600})] * 9 + [sample({"a": 1584, "rare": 16})]
    score = score_hosts(samples).of_hosts[9]
    assert score.category == "rare"
    assert score.z == pytest.approx(0.1 / 0.0176777, rel=1e-4)


def test_a_host_with_few_events_needs_a_larger_difference() -> None:
    usual = [sample({"a": 5000, "b": 5000})] * 8
    quiet = score_hosts([*usual, sample({"a": 80, "b": 20})]).of_hosts[8].z
    busy = score_hosts([*usual, sample({"a": 8000, "b": 2000})]).of_hosts[8].z
    assert abs(quiet) < 5.5 < abs(busy)


def test_slowness_that_spreads_over_many_buckets_is_seen_in_the_tail() -> None:
    # GIVEN 300 of 400 events a little higher: in each of six buckets only 50 of them
    usual = [waits(f"h-{number}", {2: 400}) for number in range(8)]
    slow = waits("slow", {2: 100, **dict.fromkeys(range(3, 9), 50)})
    samples = next(iter(group_samples([*usual, slow]).values()))
    score = score_hosts(samples).of_hosts[8]
    # THEN their common side scores sqrt(300 / 400) / sqrt(2 / 1600), where one bucket alone has sqrt(50 / 400) / ...
    assert score.category == Tail("from", 3)
    assert score.z == pytest.approx(SINGLE_PART * 24.495, abs=0.001)


def test_few_hosts_are_each_scored_against_the_others_by_sampling_alone() -> None:
    # GIVEN roots 0.5, 0.5, 0.9 of a over 100 events each
    samples = [sample({"a": 25, "b": 75})] * 2 + [sample({"a": 81, "b": 19})]
    scores = score_few_hosts(samples).of_hosts
    # THEN the odd one's others have the median 0.5 ...
    assert scores[2].z == pytest.approx((0.4358899 - 0.8660254) / 0.0707107, rel=1e-4)
    # ... and another's others the median of 0.5 and 0.9
    assert scores[0].z == pytest.approx((0.8660254 - (0.8660254 + 0.4358899) / 2) / 0.0707107, rel=1e-4)


def test_equal_deviations_are_settled_by_name() -> None:
    # GIVEN a host with as much of y as of z, and others with neither
    usual = [sample({"a": 300})] * 8
    for odd in (sample({"z": 50, "y": 50, "a": 200}), sample({"y": 50, "a": 200, "z": 50})):
        assert score_hosts([*usual, odd]).of_hosts[8].category == "y"


def test_a_deviate_by_an_estimated_variance_counts_for_less_and_by_a_known_one_in_full() -> None:
    # t = 4 with 10 degrees of freedom is as improbable as a normal deviate of 3.018
    assert Centre(0.0, 1.0, 0.0, 10.0).deviate(4.0, 0.0) == pytest.approx(3.018, abs=0.01)
    assert Centre(0.0, 1.0, 0.0, 10.0).deviate(-4.0, 0.0) == pytest.approx(-3.018, abs=0.01)
    assert Centre(0.0, 1.0, 1.0, 10.0).deviate(4.0, 0.0) == pytest.approx(4.0)
    # the more of the variance is the host's own sampling, which is known, the more it counts
    assert Centre(0.0, 1.0, 0.0, 10.0).deviate(40.0, 99.0) == pytest.approx(4.0, abs=0.01)


def test_what_is_typical_of_thousands_is_measured_on_some_of_them() -> None:
    random = Random(1)
    samples = [sample({"a": 480 + random.randrange(40), "b": 500}) for _ in range(2500)]
    scores = score_hosts([*samples, sample({"a": 100, "b": 900})])
    assert scores.centres["a"].median == pytest.approx(0.707, abs=0.001)
    assert max(range(2501), key=lambda host: abs(scores.of_hosts[host].z)) == 2500
