import pytest

from controller.analysis.wording import number_text, share_text


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


def test_numbers_have_their_noun() -> None:
    assert number_text(1, "host") == "1 host"
    assert number_text(1204, "value") == "1,204 values"
    assert number_text(0, "value") == "0 values"
