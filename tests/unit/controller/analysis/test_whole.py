from random import Random

import pytest

from controller.analysis.samples import Sample
from controller.analysis.table import cells_of
from controller.analysis.whole import ChiSquare, trimmed_shares
from tests.unit.controller.analysis.fleets import draw


def sample(weights: dict[int, int]) -> Sample:
    total = sum(weights.values())
    return Sample("h", total, total, dict(weights.items()))


def test_neither_a_busy_nor_an_odd_host_makes_what_is_typical() -> None:
    cells = cells_of([*[sample({1: 70, 2: 30})] * 10, sample({1: 3, 2: 999_997})])
    means = trimmed_shares(cells, 11).tolist()
    assert dict(zip(cells.categories, means, strict=True)) == {1: pytest.approx(0.7), 2: pytest.approx(0.3)}


def test_hosts_that_are_drawn_alike_have_normal_deviates() -> None:
    random = Random(1)
    samples = [sample(draw(random, [3, 8, 20, 30, 20, 8, 3], 2000)) for _ in range(60)]
    whole = ChiSquare(samples)
    deviates = [whole.z(own) for own in samples]
    assert abs(sum(deviates) / 60) < 0.5
    assert max(map(abs, deviates)) < 4


def test_what_varies_more_than_dice_is_measured_by_how_it_varies() -> None:
    random = Random(2)
    shares = [[random.uniform(0.5, 2) * share for share in (3, 8, 20, 30, 20, 8, 3)] for _ in range(60)]
    samples = [sample(draw(random, own, 20_000)) for own in shares]
    whole = ChiSquare(samples)
    # THEN hosts that differ as all do are not far, though each is far from what dice would give
    assert sorted(whole.z(own) for own in samples)[30] < 1
    assert whole.z(sample({0: 20_000})) > 10
