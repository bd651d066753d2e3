from collections.abc import Callable
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.toml_tables import MAX_FILE_BYTES, Table, parse_toml, read_text


def read_limits(table: Table) -> None:
    table.has("max_hosts")
    table.number("max_cpu_pct", minimum=0.5, maximum=100)
    table.finish()


def test_a_value_of_the_text_goes_before_the_builtin_one_and_a_missing_one_is_taken_from_there() -> None:
    # GIVEN a text that gives one of two limits
    top = parse_toml("[limits]\nduration_s = 7", "a.toml", "[limits]\nduration_s = 1\nhosts = 9")
    # WHEN both are read
    limits = top.table("limits")
    # THEN each comes from where it is written
    assert limits.integer("duration_s", minimum=1, maximum=10) == 7
    assert limits.integer("hosts", minimum=1, maximum=10) == 9
    assert limits.has("duration_s")
    assert not limits.has("hosts")


def test_a_list_of_tables_is_not_taken_from_the_builtin_text() -> None:
    top = parse_toml("", "a.toml", '[[grant]]\nname = "default"')
    assert top.tables("grant", name_key="name", maximum=5) == ()


@pytest.mark.parametrize(
    ("text", "read", "sentence"),
    [
        ("a =", lambda top: None, "a.toml is not TOML: Invalid value (at end of document)"),
        ("a = " + "9" * 5000, lambda top: None, "a.toml is not TOML: Exceeds the limit"),
        ("a = " + "[" * 5000, lambda top: None, "a.toml is not TOML that can be read"),
        ("limits = 1", lambda top: top.table("limits"), "a.toml: limits must be a table, written [limits], not 1"),
        (
            "grant = 1",
            lambda top: top.tables("grant", name_key="name", maximum=2),
            "a.toml: grant must be a list of tables, each written [[grant]], not 1",
        ),
        (
            "[[grant]]\n[[grant]]\n[[grant]]",
            lambda top: top.tables("grant", name_key="name", maximum=2),
            "a.toml: grant has 3 entries; at most 2 are allowed",
        ),
        (
            "a = 11",
            lambda top: top.integer("a", minimum=1, maximum=10),
            "a.toml: a must be a whole number from 1 to 10, not 11",
        ),
        (
            "a = 1.0",
            lambda top: top.integer("a", minimum=1, maximum=10),
            "a.toml: a must be a whole number from 1 to 10, not 1.0",
        ),
        (
            "a = true",
            lambda top: top.integer("a", minimum=0, maximum=10),
            "a.toml: a must be a whole number from 0 to 10, not true",
        ),
        (
            "a = nan",
            lambda top: top.number("a", minimum=0.5, maximum=1),
            "a.toml: a must be a number from 0.5 to 1, not nan",
        ),
        (
            "a = inf",
            lambda top: top.number("a", minimum=0.5, maximum=1),
            "a.toml: a must be a number from 0.5 to 1, not inf",
        ),
        (
            'a = "5s"',
            lambda top: top.number("a", minimum=0, maximum=1),
            "a.toml: a must be a number from 0 to 1, not '5s'",
        ),
        (
            "a = false",
            lambda top: top.number("a", minimum=0, maximum=1),
            "a.toml: a must be a number from 0 to 1, not false",
        ),
        (
            "a = []",
            lambda top: top.numbers("a", minimum=0, maximum=1),
            "a.toml: a must be a list of one or more numbers, not []",
        ),
        (
            "a = [0.5, 2]",
            lambda top: top.numbers("a", minimum=0, maximum=1),
            "a.toml: a must be a number from 0 to 1, not 2",
        ),
        ('a = " "', lambda top: top.text("a"), "a.toml: a must be a text that is not empty, not ' '"),
        ("", lambda top: top.text("a"), "a.toml: a is missing: add it"),
        ('a = "x"', lambda top: top.texts("a"), "a.toml: a must be a list of one or more texts, not 'x'"),
        ('a = ["x", 1]', lambda top: top.texts("a"), "a.toml: a must be a list of texts that are not empty, not 1"),
    ],
)
def test_every_refusal_names_the_file_the_key_and_what_is_wanted(
    text: str, read: Callable[[Table], object], sentence: str
) -> None:
    with pytest.raises(BadInput) as caught:
        read(parse_toml(text, "a.toml"))
    assert str(caught.value).startswith(sentence)


def test_a_misspelt_key_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(BadInput) as caught:
        read_limits(parse_toml("[limits]\nmax_cpu_pct = 1\nmax_host = 3", "a.toml").table("limits"))
    assert str(caught.value) == "a.toml: limits.max_host is not known; did you mean max_hosts?"


def test_an_unknown_key_that_resembles_nothing_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(BadInput) as caught:
        read_limits(parse_toml("[limits]\nmax_cpu_pct = 1\nzzz = 3", "a.toml").table("limits"))
    assert str(caught.value) == "a.toml: limits.zzz is not known; known here: max_hosts, max_cpu_pct"


def test_tables_of_a_list_are_named_in_errors_by_their_name_or_their_place() -> None:
    first, second = parse_toml('[[grant]]\nname = "db"\n[[grant]]', "a.toml").tables(
        "grant", name_key="name", maximum=9
    )
    assert first.place("hosts") == 'a.toml: grant "db".hosts'
    assert second.place("hosts") == "a.toml: grant 2.hosts"


def test_a_long_wrong_value_is_shown_in_part() -> None:
    with pytest.raises(BadInput) as caught:
        parse_toml(f'a = "{"x" * 500}"', "a.toml").integer("a", minimum=0, maximum=1)
    assert len(str(caught.value)) < 150


def test_a_file_that_is_not_there_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.toml cannot be read \(No such file or directory\)"):
        read_text(tmp_path / "none.toml")


def test_a_file_that_is_too_large_or_not_text_is_refused(tmp_path: Path) -> None:
    large, binary = tmp_path / "large.toml", tmp_path / "binary.toml"
    large.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="larger than 1048576 bytes"):
        read_text(large)
    with pytest.raises(BadInput, match="not UTF-8"):
        read_text(binary)
