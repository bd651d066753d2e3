import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.analysis.buckets import bucket_text, quantile_index
from fleettrace.errors import BadInput
from fleettrace.snapshot import LOG2, bucket_index


@pytest.mark.parametrize(("q", "index"), [(0.01, 0), (0.5, 0), (0.51, 4), (0.9, 4), (0.99, 11), (1, 12)])
def test_a_quantile_is_the_bucket_of_the_value_of_its_rank(q: float, index: int) -> None:
    # GIVEN 100 values: 50 in [0, 1], 40 in [16, 31], 9 in [2048, 4095] and 1 in [4096, 8191]
    assert quantile_index({0: 50, 4: 40, 11: 9, 12: 1}, q) == index


def test_a_decimal_q_is_meant_as_written() -> None:
    # 0.07 * 100 is 7.000000000000001 in binary, and the 7th value is meant
    assert quantile_index({0: 7, 5: 93}, 0.07) == 0


def test_shares_that_add_up_to_almost_one_still_have_a_maximum() -> None:
    shares = dict.fromkeys(range(10), 0.1)
    assert sum(shares.values()) != 1
    assert quantile_index(shares, 1) == 9
    assert quantile_index(shares, 0.5) == 4


@pytest.mark.parametrize("q", [0, -0.5, 1.01, math.nan])
def test_a_q_that_is_none_is_refused(q: float) -> None:
    with pytest.raises(BadInput, match="0 < q <= 1"):
        quantile_index({0: 1}, q)


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(BadInput, match="at least one value"):
        quantile_index({}, 0.5)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=50), st.integers(1, 100))
def test_the_bucket_is_that_of_the_exact_quantile(values: list[int], percent: int) -> None:
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_index(LOG2, value)] = counts.get(bucket_index(LOG2, value), 0) + 1
    exact = sorted(values)[-(-percent * len(values) // 100) - 1]
    assert quantile_index(counts, percent / 100) == bucket_index(LOG2, exact)


def test_a_bucket_reads_as_its_bounds() -> None:
    assert bucket_text(LOG2, 0) == "[0, 1]"
    assert bucket_text(LOG2, 11) == "[2048, 4095]"
