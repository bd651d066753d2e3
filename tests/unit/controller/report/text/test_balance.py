"""The table of what was opened against what was closed, as a person sees it."""

from controller.analysis.balance import balances
from controller.report.text.balance import MAX_SERIES, render_balances
from tests.unit.controller.analysis.test_balance import series
from tests.unit.controller.report.rendering import rendered

COUNTS = (
    *series("leaky", [(7, 0)] * 8),
    *series("api", [(100, 100)] * 8),
    *series("pool", [(9, 0)]),
    *series("old", [(0, 1)] * 3),
)


def test_who_leaks_stands_first_with_its_slope_and_its_course() -> None:
    assert rendered(render_balances(balances(COUNTS), "All hosts")) == (
        "All hosts: 1,668 events in 8 slots of 1 s, 4 keys, the steepest first\n"
        "  process  opened  closed  balance  per second  over time\n"
        "  leaky        56       0      +56        +7.0  ▁▂▃▄▅▆▇█   grows\n"
        "  pool          9       0       +9           0  ▁▁▁▁▁▁▁▁\n"
        "  api         800     800        0           0  ▁▁▁▁▁▁▁▁\n"
        "  old           0       3       -3           0  █▄▁▁▁▁▁▁\n"
    )


def test_without_unicode_the_course_is_ascii() -> None:
    text = rendered(render_balances(balances(series("leaky", [(7, 0)] * 8)), "api-1"), encoding="ascii")
    assert "_.-~=+*#" in text
    assert text.isascii()


def test_a_long_course_is_drawn_in_few_cells_up_to_its_end() -> None:
    text = rendered(render_balances(balances(series("late", [(0, 0), (1, 1)] + [(0, 0)] * 98 + [(50, 0)])), "api-1"))
    assert text.splitlines()[-1].rstrip().endswith("▁" * 23 + "█")


def test_what_is_not_shown_is_counted() -> None:
    many = tuple(count for number in range(MAX_SERIES + 3) for count in series(f"p{number}", [(1, 1)] * 4))
    assert "+3 more keys" in rendered(render_balances(balances(many), "api-1"))


def test_narrow_terminals_fold_and_lose_no_number() -> None:
    text = rendered(render_balances(balances(COUNTS), "All hosts"), 60)
    assert all(number in text for number in ("+56", "+7.0", "800", "-3"))
