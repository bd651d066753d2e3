"""The section of what was opened against what was closed."""

import re

from controller.analysis.balance import balances
from controller.report.html.balance import MAX_SERIES, balance_section
from tests.unit.controller.analysis.test_balance import series


def test_each_series_has_its_numbers_and_its_course() -> None:
    html = balance_section(balances((*series("leaky", [(7, 0)] * 4), *series("<api>", [(9, 9)] * 4))))
    assert re.findall(r'<td class="mono">(.*?)</td>', html) == ["leaky", "&lt;api&gt;"]
    assert re.findall(r'<td class="num">(.*?)</td>', html) == ["28", "0", "+28", "+7.0", "36", "36", "+0", "+0.0"]
    rising, flat = re.findall(r' d="(.*?)"', html)
    assert rising == "M2.0 26.0 L56.0 20.0 L110.0 14.0 L164.0 8.0 L218.0 2.0"
    assert {point.split()[-1] for point in flat.split(" L")} == {"2.0"}
    assert html.count("grows") == 1


def test_what_is_not_shown_is_counted() -> None:
    many = tuple(count for number in range(MAX_SERIES + 2) for count in series(f"p{number}", [(1, 1)]))
    assert "+2 more keys" in balance_section(balances(many))
