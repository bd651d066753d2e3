"""The heat map of a terminal: what fits, what is bounded, and what remains without colours."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from controller.report.families import Family, families
from controller.report.text.heatmap import MAX_ROWS, HeatMap
from fleettrace.snapshot import Histogram
from tests.unit.controller.report import samples


def drawn(family: Family, width: int = 80, marked: str = "", **how: Any) -> str:
    stream = StringIO()
    console = Console(file=stream, width=width, force_terminal=True, _environ={}, **how)
    console.print(HeatMap(family, frozenset({marked})))
    return stream.getvalue()


def family() -> Family:
    return families(samples.histogram_result())[0][0]


def test_rows_stand_by_score_and_the_odd_host_is_marked() -> None:
    lines = drawn(family(), color_system=None, marked="api-3").splitlines()
    assert [line.split()[0] for line in lines[1:5]] == ["api-3", "api-4", "api-1", "api-2"]
    assert "api-3 !" in lines[1]
    assert lines[5].split()[:5] == ["0", "2", "4", "8", "16"]


@pytest.mark.parametrize(
    ("how", "mark"),
    [
        ({"color_system": "truecolor"}, "[48;2;"),
        ({"color_system": "256"}, "[48;5;"),
        ({"color_system": "standard"}, "▓"),
        ({"color_system": None}, "▓"),
        ({"color_system": "truecolor", "no_color": True}, "▓"),
    ],
    ids=["true colour", "256", "16", "none", "NO_COLOR"],
)
def test_colours_fall_back_to_fewer_and_to_glyphs(how: dict[str, Any], mark: str) -> None:
    text = drawn(family(), **how)
    assert mark in text
    assert ("[48;2;" in text) == (mark == "[48;2;")
    # Eight shades have one for what is less than 1%, six glyphs have not.
    assert ("<1%" in text) == (mark.startswith("[48"))


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    fine = Histogram((), "us", "log2.4", tuple((index, 5) for index in range(0, 600, 3)))
    wide = Family(fine, [(f"a-very-long-name-of-a-host-{n}", fine) for n in range(3)])
    for each in (family(), wide):
        assert all(len(line) <= width for line in drawn(each, width, color_system=None).splitlines())


@pytest.mark.parametrize("width", range(24, 60))
def test_no_bound_below_it_is_cut_to_another_number(width: int) -> None:
    wide = Histogram((), "us", "log2", tuple((index, 5) for index in range(17)))
    lines = drawn(Family(wide, [("h-1", wide)]), width, color_system=None).splitlines()
    (axis,) = [line for line in lines if line.split()[:2] in (["0", "2"], ["0", "4"], ["0", "8"], ["0", "16"])]
    assert set(axis.split()) <= {
        "0",
        "2",
        "4",
        "8",
        "16",
        "32",
        "64",
        "128",
        "256",
        "512",
        "1k",
        "2k",
        "4k",
        "8k",
        "16k",
        "32k",
        "64k",
    }
    places = [axis.index(bound) for bound in axis.split()]
    assert places == sorted(places)
    shown = {
        bound: 0 if bound == "0" else int(bound.replace("k", "")) * (1024 if "k" in bound else 1)
        for bound in axis.split()
    }
    assert [*shown.values()] == sorted(shown.values())


def test_long_names_are_told_apart_and_the_odd_one_is_marked() -> None:
    fine = Histogram((), "us", "log2", ((3, 5), (4, 7)))
    names = [f"api-payments-eu-west-1a-i-0fd9c3{number:04x}.prod.example.com" for number in range(3)]
    lines = drawn(Family(fine, [(name, fine) for name in names]), color_system=None, marked=names[1]).splitlines()
    assert [line[2:24] for line in lines[1:4]] == [
        "api-pay~i-0fd9c30000  ",
        "api-pay~i-0fd9c30001 !",
        "api-pay~i-0fd9c30002  ",
    ]
    assert "  names without .prod.example.com" in lines


def test_fifty_hosts_are_bounded_and_the_rest_counted() -> None:
    whole = families(samples.fleet_result(60))[0][0]
    text = drawn(whole, color_system=None)
    assert len(text.splitlines()) == MAX_ROWS + 4
    assert f"+{60 - MAX_ROWS} more hosts" in text
