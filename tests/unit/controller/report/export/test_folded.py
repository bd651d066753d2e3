"""Folded stacks: one line each, and nothing lost in it."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from controller.report.export.folded import folded_frame, to_folded
from tests.unit.controller.report import hostile


def unfolded(text: str) -> str:
    """The frame that an escaped one stands for, as docs/exports.md tells it."""
    return re.sub(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4})", lambda m: "\\" if m[1] == "\\" else chr(int(m[1][1:], 16)), text)


def parsed(folded: str) -> dict[tuple[str, ...], int]:
    lines = [line.rpartition(" ") for line in folded.split("\n")[:-1]]
    return {tuple(map(unfolded, stack.split(";"))): int(value) for stack, _, value in lines}


def test_a_line_for_each_stack() -> None:
    result = hostile.result_of(
        hostile.stacks(("nginx;main;read_[k]", 3), ("nginx;main", 1)), hostile.stacks(("cc1", 2))
    )

    assert to_folded(result) == b"cc1 2\nnginx;main 1\nnginx;main;read_[k] 3\n"


def test_hostile_frames_can_be_had_back() -> None:
    result = hostile.hostile_stacks()

    text = to_folded(result).decode()

    assert parsed(text) == {stack.frames: stack.value for stack in result.merged.stacks}


def test_no_reader_takes_the_number_at_the_end_of_a_frame_for_a_value() -> None:
    # flamegraph.pl: a line with two numbers at its end is a difference.
    text = to_folded(hostile.result_of(hostile.stacks(("worker 12", 3)))).decode()

    assert text == "worker\\x2012 3\n"
    assert unfolded("worker\\x2012") == "worker 12"


@given(st.text(min_size=1).filter(lambda text: not re.search("[\ud800-\udfff]", text)))
@example("\xa00")
@example("\u3000\u0663")
def test_any_frame_is_one_field_of_one_line_and_can_be_had_back(frame: str) -> None:
    escaped = folded_frame(frame)

    assert unfolded(escaped) == frame
    assert ";" not in escaped
    assert len(f"{escaped} 7".splitlines()) == 1
    assert not re.search(r"\s\d+$", escaped)


def test_stacks_without_end() -> None:
    (line,) = to_folded(hostile.deep_stacks()).decode().splitlines()

    assert line.count(";") == 999


def test_nothing_is_an_empty_file() -> None:
    assert to_folded(hostile.empty_result()) == b""
