"""The report in a browser: nothing is asked of a network, nothing of a host runs."""

import pytest

from controller.report.html.report import render_report
from fleettrace.model.job import JobResult
from tests.browser.conftest import OpenPage, wait_for
from tests.unit.controller.report import hostile, samples

RESULTS = {
    "histogram": samples.histogram_result(),
    "stacks": samples.stacks_result(),
    "counts": samples.counts_result(),
    "hostile stacks": hostile.hostile_stacks(),
    "hostile keys": hostile.hostile_keys(),
    "deep": hostile.deep_stacks(),
    "held": samples.held_result(),
}


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_it_opens_offline_without_a_complaint(open_page: OpenPage, result: JobResult, dark: bool) -> None:
    page = open_page(render_report(result), dark=dark)

    assert page.locator("h1").count() == 1
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [380, 1280])
def test_pictures_fit_the_window(open_page: OpenPage, width: int) -> None:
    page = open_page(render_report(samples.fleet_result()), width=width)

    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_colours_of_a_heat_map_are_there_in_both_themes(open_page: OpenPage) -> None:
    for dark in (False, True):
        page = open_page(render_report(samples.histogram_result()), dark=dark)
        cells = "[...Array(9).keys()].map(n => document.querySelector(`.heat-${n}`)).filter(Boolean)"
        fills = page.evaluate(f"{cells}.map(cell => getComputedStyle(cell).fill)")
        assert len(set(fills)) == len(fills) >= 5


def test_the_flame_graph_is_part_of_the_report(open_page: OpenPage) -> None:
    page = open_page(render_report(samples.stacks_result()))
    wait_for(page, "document.querySelector('.flame').flame.chart.boxes.length > 0")

    page.fill("input[type=search]", "copy_user")
    assert page.inner_text(".flame-found") == "29.1% matched"
