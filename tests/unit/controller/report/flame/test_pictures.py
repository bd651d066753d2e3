"""SVG and the tree of the terminal."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from io import StringIO
from itertools import pairwise

from rich.console import Console

from controller.report.flame.graph import flame_graph
from controller.report.flame.svg import MAX_ROWS, NOTE_CHARS, render_flame_svg
from controller.report.flame.text import render_flame_tree
from controller.report.html.markup import visible
from fleettrace.model.job import JobResult
from tests.unit.controller.report import hostile, samples
from tests.unit.controller.report.rendering import rendered, squeezed

SVG = "{http://www.w3.org/2000/svg}"

MINE = hostile.stacks(("web;read", 900), ("web;parse", 100))
OTHER = hostile.stacks(("web;read", 500), ("web;parse", 500))


def drawn(result: JobResult, host: str = "") -> ET.Element:
    return ET.fromstring(render_flame_svg(flame_graph(result, host=host)))


def boxes(svg: ET.Element) -> dict[str, tuple[float, float, str]]:
    """x, width and colour by title."""
    found = {}
    for group in svg.iter(f"{SVG}g"):
        title, box = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None and box is not None:
            found[title.text or ""] = (float(box.attrib["x"]), float(box.attrib["width"]), box.attrib["fill"])
    return found


def test_widths_are_shares_and_titles_say_them() -> None:
    found = boxes(drawn(hostile.result_of(hostile.stacks(("web;read_[k]", 3), ("web;parse", 1)))))

    assert set(found) == {
        "all: 100% of api-1",
        "web: 100% of api-1",
        "read_[k]: 75.0% of api-1",
        "parse: 25.0% of api-1",
    }
    assert (
        found["read_[k]: 75.0% of api-1"][1] / found["web: 100% of api-1"][1] == 0.75
        or abs(found["read_[k]: 75.0% of api-1"][1] / found["web: 100% of api-1"][1] - 0.75) < 0.01
    )
    assert found["read_[k]: 75.0% of api-1"][2] != found["parse: 25.0% of api-1"][2]


def test_hostile_names_are_text() -> None:
    svg = drawn(hostile.hostile_stacks())

    assert not list(svg.iter(f"{SVG}script"))
    assert not list(svg.iter(f"{SVG}img"))
    titles = "\n".join(boxes(svg))
    for frame in hostile.FRAMES:
        assert visible(frame) in titles


def test_very_deep_stacks_are_cut_and_told() -> None:
    text = render_flame_svg(flame_graph(hostile.deep_stacks(1000)))

    assert f"801 frames deeper than {MAX_ROWS} not drawn" in text
    assert len(ET.fromstring(text).findall(f".//{SVG}rect")) == MAX_ROWS + 1  # and the background
    assert int(ET.fromstring(text).attrib["height"]) < 4000


def test_a_difference_says_both_shares() -> None:
    found = boxes(drawn(hostile.result_of(MINE, OTHER), "api-1"))

    assert "parse: 10.0% of api-1; 50.0% of the other host, 0.20x" in found
    assert found["parse: 10.0% of api-1; 50.0% of the other host, 0.20x"][2] == "#6aaef0"


def test_notes_name_hosts_together_and_are_wrapped() -> None:
    result = hostile.result_of(*[MINE] * 40)
    notes = tuple((f"host-{number}", f"it began {number // 20} s late") for number in range(40))
    document = ET.fromstring(
        render_flame_svg(flame_graph(replace(result, coverage=replace(result.coverage, notes=notes))))
    )

    lines = [line for text in document.findall(f"{SVG}text") if (line := text.text or "")][2:]
    assert "host-0, host-1, " in " ".join(lines)
    assert "host-11, +8 more (--json names all): it began 0 s late" in " ".join(lines)
    assert len(lines) > 1
    assert all(len(line) <= NOTE_CHARS for line in lines)
    assert float(document.findall(f"{SVG}text")[-1].attrib["y"]) < int(document.attrib["height"])


def tree(result: JobResult, host: str = "", width: int = 100) -> str:
    return rendered(render_flame_tree(flame_graph(result, host=host)), width)


def test_the_tree_goes_down_by_share() -> None:
    result = hostile.result_of(
        hostile.stacks(("web;main;parse", 10), ("web;main;read;vfs_read_[k]", 30), ("cron;main", 5))
    )

    assert tree(result).splitlines()[:6] == [
        "profile on role=api (job k3f9q2): api-1, 45 samples",
        "   share  itself",
        "   88.9%          web > main",
        "   66.7%   66.7%    read > vfs_read_[k]",
        "   22.2%   22.2%    parse",
        "   11.1%   11.1%  cron > main",
    ]


def test_a_host_beside_the_rest() -> None:
    lines = tree(hostile.result_of(MINE, OTHER), "api-1").splitlines()

    assert lines[0] == "profile on role=api (job k3f9q2): api-1 against the other host, 1,000 samples"
    assert lines[2].split() == ["100%", "100%", "web"]
    assert lines[3].split() == ["90.0%", "90.0%", "50.0%", "1.8x", "read"]
    assert lines[4].split() == ["10.0%", "10.0%", "50.0%", "0.20x", "parse"]


def test_what_only_the_others_do_is_told_too() -> None:
    result = hostile.result_of(hostile.stacks(("web;read", 900)), hostile.stacks(("web;read", 500), ("web;gone", 500)))

    assert ["0%", "50.0%", "not", "here", "gone"] in [line.split() for line in tree(result, "api-1").splitlines()]


def test_small_frames_and_losses_are_told() -> None:
    shown = tree(samples.stacks_result())

    assert "12 stacks deeper than the kernel keeps: their roots are cut off" in shown
    many = hostile.result_of(hostile.stacks(("web;big", 10_000), *((f"web;small{n}", 1) for n in range(40))))
    assert "+40 smaller frames, below 1% or beyond 60 lines" in tree(many)


def test_long_chains_show_their_ends() -> None:
    shown = squeezed(tree(hostile.deep_stacks(1000), width=60))

    assert "(+988frames)" in shown
    assert len(shown) < 800


def test_columns_hold_at_any_width() -> None:
    for width in (40, 80, 200):
        lines = tree(hostile.hostile_stacks(), width=width).splitlines()
        assert all(len(line) <= width for line in lines)
        assert all(upper != lower for upper, lower in pairwise(lines) if upper)


def test_names_in_the_tree_are_as_bright_as_text_is() -> None:
    stream = StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system="standard", _environ={})
    console.print(render_flame_tree(flame_graph(hostile.result_of(hostile.stacks(("web;main;read", 3))))))

    (line,) = [line for line in stream.getvalue().splitlines() if "read" in line]
    assert "web\x1b[2m > \x1b[0mmain\x1b[2m > \x1b[0mread" in line
