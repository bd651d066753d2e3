import math
from random import Random

import pytest

from tests.bench.outliers.draws import binomial, multinomial
from tests.bench.outliers.metrics import Answer, figures, threshold_for


@pytest.mark.parametrize(("n", "p"), [(0, 0.5), (10, 0.0), (10, 0.1), (50, 0.5), (1000, 0.3), (100_000, 0.9)])
def test_binomial_draws_have_their_mean_and_variance(n: int, p: float) -> None:
    random = Random(1)
    drawn = [binomial(random, n, p) for _ in range(4000)]
    assert all(0 <= value <= n for value in drawn)
    mean, variance = n * p, n * p * (1 - p)
    seen = sum(drawn) / len(drawn)
    assert abs(seen - mean) <= 4 * math.sqrt(variance / len(drawn))
    assert sum((value - seen) ** 2 for value in drawn) / len(drawn) == pytest.approx(variance, rel=0.1)


def test_multinomial_draws_share_out_every_event() -> None:
    counts = multinomial(Random(2), 10_000, {"a": 0.7, "b": 0.2, "c": 0.1, "never": 0.0})
    assert sum(counts.values()) == 10_000
    assert counts.keys() == {"a", "b", "c"}
    assert abs(counts["a"] - 7000) < 200


def test_figures_count_what_was_right() -> None:
    answers = [
        Answer((("odd", 9.0), ("a", 3.0)), frozenset({"odd"})),
        Answer((("a", 8.0), ("odd", 2.0)), frozenset({"odd"})),
        Answer((("a", 6.0), ("b", 1.0)), frozenset()),
        Answer((("a", 1.0),), frozenset()),
    ]
    told = figures(answers, 5.0)
    assert (told.top1, told.recall, told.false_per_100) == (50.0, 50.0, 50.0)
    assert told.precision == pytest.approx(100 / 3)
    assert 6.0 < threshold_for(answers) < 6.001
