"""The simulation itself, and the colours that need no browser."""

import numpy as np
import pytest

from controller.report.flame import svg
from controller.report.flame.compare import Difference
from tests.unit.controller.report.colour_vision import Vision, apart, ciede2000, least_apart

SIDES, GREYS = 30.0, 5.0
"""CIEDE2000: what is more and what is less; two greys of a legend."""


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_difference_is_that_of_the_published_pairs(
    one: tuple[float, ...], other: tuple[float, ...], difference: float
) -> None:
    """Table 1 of Sharma, Wu and Dalal."""
    assert ciede2000(np.array(one), np.array(other)) == pytest.approx(difference, abs=5e-5)


def test_red_and_green_are_nearly_one_colour_to_many() -> None:
    assert apart("#ff0000", "#00aa00") > 70
    assert apart("#ff0000", "#00aa00", Vision.DEUTERANOPIA) < GREYS
    assert least_apart(["#ff0000"], ["#00aa00"])[0] < SIDES
    assert apart("#1f77b4", "#9467bd", Vision.PROTANOPIA) < GREYS


def test_an_svg_is_told_apart_by_everybody() -> None:
    more, less, alike, chance = (
        [svg._DIFFERENCES[kind]] for kind in (Difference.MORE, Difference.LESS, Difference.ALIKE, Difference.CHANCE)
    )
    assert least_apart(more, less)[0] >= SIDES
    assert least_apart(svg._USER, svg._KERNEL)[0] >= SIDES
    assert least_apart(more + less, alike + chance)[0] >= 2 * GREYS
    assert least_apart(alike, chance)[0] >= GREYS
