"""Folded stacks from elsewhere, and back from our own export."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.imports import Expected, parse_import
from controller.report.export.folded import folded_frame
from fleettrace.errors import BadInput
from fleettrace.snapshot import Stack

SAMPLES = Expected(stacks_unit="samples")

frames = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def read(text: str | bytes) -> Sequence[Stack]:
    return parse_import(text if isinstance(text, bytes) else text.encode(), SAMPLES).stacks


def test_lines_with_a_value_and_the_same_stack_adds_up() -> None:
    assert read("nginx;main;read 5\nnginx;main 2\n\nnginx;main;read 1\r\n") == (
        Stack(("nginx", "main"), 2, "samples"),
        Stack(("nginx", "main", "read"), 6, "samples"),
    )


@settings(max_examples=200)
@given(st.lists(frames, min_size=1, max_size=5), st.integers(1, 1 << 40))
def test_every_frame_comes_back_from_our_export(names: list[str], value: int) -> None:
    # Semicolons, spaces, newlines, backslashes, control characters.
    line = f"{';'.join(map(folded_frame, names))} {value}\n"
    assert read(line) == (Stack(tuple(names), value, "samples"),)


def test_bytes_that_are_no_utf8_stay_visible() -> None:
    assert read(b"app;\xff\xfe f 3\n") == (Stack(("app", "\\xff\\xfe f"), 3, "samples"),)


def test_a_thousand_frames_are_kept_and_more_than_1024_refused() -> None:
    names = tuple(f"f{n}" for n in range(1000))
    assert read(f"{';'.join(names)} 1\n")[0].frames == names
    with pytest.raises(BadInput, match="1025 frames; at most 1024"):
        read(f"{';'.join(['f'] * 1025)} 1\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a;b 3\na;c\n", "line 2 is not of the form"),
        ("a;b 3\na;c 4", "cut off"),
        ("a;;b 3\n", "line 1 has a frame without a name"),
        ("a;b -3\n", "line 1 is not of the form"),
        ("a;b 0\n", "no stack with a value above 0"),
        (f"{'x' * 5000} 1\n", "a frame has 1 to 4096 characters"),
    ],
    ids=["no value", "cut off", "empty frame", "negative", "zero", "long"],
)
def test_damaged_lines_are_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read(text)


def test_another_unit_is_refused() -> None:
    with pytest.raises(BadInput, match="the text is in us and the job in samples"):
        parse_import(b"a 1\n", SAMPLES, unit="us")
