"""Sentences in a terminal."""

import re
from io import StringIO

import pytest
from rich.console import Console
from rich.text import Text

from controller.report.text.lines import Sentence, labelled

TOLD = "2.2 octaves longer: p99 in [32768, 65535] us against [2048, 4095]; 1,204 more than usual in 4.1-32.8 ms"


def drawn(renderable: object, width: int) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", range(18, 90))
def test_no_line_ends_within_a_range(width: int) -> None:
    lines = drawn(Sentence(TOLD), width)
    assert re.sub(r"\s+", " ", " ".join(lines)) == TOLD
    assert all(len(line) <= width for line in lines)
    for whole in ("[32768, 65535] us", "[2048, 4095]", "4.1-32.8 ms"):
        assert any(whole in line for line in lines)


def test_a_range_that_is_wider_than_the_line_is_folded_and_loses_nothing() -> None:
    assert "".join(drawn(Sentence("in [1048576, 2097151] us"), 10)).replace(" ", "") == "in[1048576,2097151]us"


def test_what_is_said_under_a_word_is_such_a_sentence_with_its_style() -> None:
    lines = drawn(labelled([("outlier", Text(TOLD, "bold")), ("outlier", "plain")]), 40)
    assert any("[2048, 4095]" in line for line in lines)
    assert lines[-1].split() == ["plain"]
