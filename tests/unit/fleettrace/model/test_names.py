"""Host names, labels and durations as people type them."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import BadDuration, BadLabel
from fleettrace.model.names import (
    MAX_LABELS,
    check_host_name,
    check_labels,
    duration_text,
    one_line,
    parse_duration_ms,
    parse_labels,
)


@pytest.mark.parametrize("name", ["a", "api-1", "db.eu-west.example.com", "A_1", "x" * 253])
def test_host_names_that_are_fine(name: str) -> None:
    assert check_host_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "all", "-api", "api-", "a b", "a,b", "a=b", "a*", "a/b", "größe", "a\n", "x" * 254]
)
def test_host_names_that_cannot_be(name: str) -> None:
    with pytest.raises(BadLabel, match="host name") as refusal:
        check_host_name(name)
    assert "\n" not in str(refusal.value)


def test_labels_are_sorted_by_name() -> None:
    assert list(parse_labels(["zone=b", "role=api"]).items()) == [("role", "api"), ("zone", "b")]


@pytest.mark.parametrize("item", ["a=1", "app.kubernetes.io=web", "image=reg/app:1.2", "n=" + "v" * 128])
def test_labels_that_are_fine(item: str) -> None:
    name, _, value = item.partition("=")
    assert parse_labels([item]) == {name: value}


@pytest.mark.parametrize("item", ["role", "=api", "role=", "ro le=api", "1role=api", "role=a b", "role=api\n", "a=-"])
def test_labels_that_cannot_be(item: str) -> None:
    with pytest.raises(BadLabel) as refusal:
        parse_labels([item])
    assert "\n" not in str(refusal.value)


def test_a_label_comes_once() -> None:
    with pytest.raises(BadLabel, match="'role' is given twice"):
        parse_labels(["role=api", "role=db"])


def test_labels_are_bounded() -> None:
    assert len(check_labels({f"n{number}": "v" for number in range(MAX_LABELS)})) == MAX_LABELS
    with pytest.raises(BadLabel, match="at most 32 labels, not 33"):
        check_labels({f"n{number}": "v" for number in range(MAX_LABELS + 1)})


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("1ms", 1),
        ("500ms", 500),
        ("5s", 5_000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("30d", 2_592_000_000),
        (" 5s ", 5_000),
        ("007s", 7_000),
    ],
)
def test_durations(text: str, duration_ms: int) -> None:
    assert parse_duration_ms(text) == duration_ms


@pytest.mark.parametrize(
    "text", ["", "5", "s", "0s", "-5s", "1.5s", "5 s", "5w", "5S", "1m30s", "1e3s", "9" * 10 + "s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadDuration, match="such as 500ms, 5s or 2m"):
        parse_duration_ms(text)


@settings(max_examples=60)
@given(st.text("0123456789msh .-", max_size=6))
def test_anything_is_a_duration_or_refused(text: str) -> None:
    with suppress(BadDuration):
        assert parse_duration_ms(text) > 0


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (1500, "1.5 s"), (90_000, "90 s"), (3_600_000, "3600 s")],
)
def test_durations_for_people(duration_ms: float, text: str) -> None:
    assert duration_text(duration_ms) == text


def test_a_program_in_one_line_keeps_what_stands_in_strings() -> None:
    program = 'kprobe:f /pid == 7/ {\n  printf("a  b\\n");\n  @ = count();\n}\n'

    assert one_line(program) == 'kprobe:f /pid == 7/ { printf("a  b\\n"); @ = count(); }'
