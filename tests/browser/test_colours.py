"""Colours as the pages have them, seen with each kind of colour blindness, light and dark."""

import math
from itertools import pairwise
from typing import Any

import pytest

from controller.report.flame.compare import NEUTRAL_RATIO
from controller.report.flame.graph import flame_graph
from controller.report.flame.html import render_flame_page
from controller.report.html.heatmap import LEVELS
from controller.report.html.page import Assets
from controller.report.html.report import render_report
from tests.browser.conftest import OpenPage
from tests.unit.controller.report import hostile, samples
from tests.unit.controller.report.colour_vision import least_apart

SIDES, MARKED, BESIDE, STEPS = 30.0, 15.0, 10.0, 5.0
"""CIEDE2000, where 1 can just be seen: of what means the opposite, of what a search has found and all else, of a
difference and none, and of neighbours in a legend."""
NAMES = [f"function_{number}" for number in range(64)]
SIZES = [math.log2(NEUTRAL_RATIO) / 3 + (1 - math.log2(NEUTRAL_RATIO) / 3) * step / 16 for step in range(17)]
"""How far from alike, from the smallest that is drawn as a difference."""
COLOURS = Assets("controller.report.flame", ("js/colours.js",)).text()
ASK = """
  const pen = document.createElement("canvas").getContext("2d"), colours = palette();
  const rgb = (colour) => ((pen.fillStyle = colour), pen.fillStyle);
  const differences = (kind) => sizes.map((size) => rgb(differenceColour({ kind, size }, colours)));
  const frames = (names) => names.map((name) => rgb(frameColour(name, 1, colours)));
  return {
    user: frames(names), kernel: frames(names.map((name) => name + KERNEL)), more: differences("more"),
    less: differences("less"), alike: [rgb(colours.alike)], chance: [rgb(colours.chance)], match: [rgb(colours.match)],
  };
"""


def colours_of(page: Any) -> dict[str, list[str]]:
    """By what they mean."""
    return dict(page.evaluate(f"([names, sizes]) => {{ {COLOURS} {ASK} }}", [NAMES, SIZES]))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_flame_graph_is_told_apart_by_everybody(open_page: OpenPage, dark: bool) -> None:
    result = hostile.result_of(hostile.stacks(("web;main", 60)))
    found = colours_of(open_page(render_flame_page(flame_graph(result)), dark=dark))

    assert len(set(found["user"])) > 8
    assert len(set(found["more"])) > 8
    assert least_apart(found["user"], found["kernel"])[0] >= SIDES
    assert least_apart(found["more"], found["less"])[0] >= SIDES
    assert least_apart(found["more"] + found["less"], found["alike"] + found["chance"])[0] >= BESIDE
    assert least_apart(found["alike"], found["chance"])[0] >= STEPS
    others = [colour for meaning, each in found.items() if meaning != "match" for colour in each]
    assert least_apart(found["match"], others)[0] >= MARKED


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_steps_of_a_heat_map_are_told_apart_by_everybody(open_page: OpenPage, dark: bool) -> None:
    page = open_page(render_report(samples.histogram_result()), dark=dark)
    fills = [
        page.evaluate(f"getComputedStyle(document.querySelector('.heat-{level}')).fill") for level in range(LEVELS + 1)
    ]
    steps = ["#" + "".join(f"{int(part):02x}" for part in fill[4:-1].split(",")) for fill in fills]

    assert [
        least_apart([one], [other])[0] for one, other in pairwise(steps) if least_apart([one], [other])[0] < STEPS
    ] == []
