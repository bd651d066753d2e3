import pytest

from controller.analysis.wording import factor_text, number_text, share_text, times_text


@pytest.mark.parametrize(
    ("part", "total", "text"),
    [
        (0, 10, "0%"),
        (0, 0, "0%"),
        (1, 8, "12.5%"),
        (10, 10, "100%"),
        (1, 10_000, "<0.1%"),
        (1, 2000, "0.1%"),
        (9999, 10_000, ">99.9%"),
        (999, 1000, "99.9%"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(part: int, total: int, text: str) -> None:
    assert share_text(part, total) == text


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        (61_925.3, ">100"),
        (100.0, "100"),
        (99.6, "100"),
        (16.0, "16"),
        (2.31, "2.3"),
        (1.0, "1.0"),
        (0.994, "0.99"),
        (0.1, "0.10"),
        (0.01, "0.010"),
        (0.0016, "<0.01"),
    ],
)
def test_a_factor_says_no_more_than_that_it_is_large_or_small(factor: float, text: str) -> None:
    assert factor_text(factor) == text


def test_a_factor_in_a_sentence() -> None:
    assert [times_text(factor) for factor in (61_925.3, 2.5, 0.0016)] == [
        "more than 100 times",
        "2.5 times",
        "less than 0.01 times",
    ]


def test_numbers_have_their_noun() -> None:
    assert number_text(1, "host") == "1 host"
    assert number_text(1204, "value") == "1,204 values"
    assert number_text(0, "value") == "0 values"
