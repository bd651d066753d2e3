"""Policy files of any content: read within bounds, and what is not understood grants nothing."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy.parse import load_policy, parse_policy
from fleettrace.errors import BadInput
from fleettrace.toml_tables import MAX_FILE_BYTES


def refusal_of(file: Path) -> str | None:
    try:
        load_policy(file)
    except BadInput as error:
        return str(error)
    return None


KEYS = (
    *("name", "teams", "tools", "classes", "hosts", "capabilities", "tool_capabilities", "binaries", "max_hosts"),
    *("max_duration_s", "max_jobs_per_day", "redact", "needs_approval", "approval_wait_s", "break_glass", "reads"),
    *("approves", "contact", "one_liners", "lift_aborts", "max_cpu_pct", "not_a_key"),
)
VALUES = (
    *("true", "false", "0", "1", "-1", "1e308", "nan", '""', '"all"', '"*"', '["*"]', "[]", '["a", "b"]', "{}"),
    *(
        '["aggregate", "uprobes"]',
        '{ paths = "hash" }',
        '{ "*" = ["CAP_SYSLOG"] }',
        '"role=db"',
        "[[[[]]]]",
        "1979-05-27",
    ),
)


@settings(max_examples=300)
@given(st.binary(max_size=2_000))
def test_any_bytes_are_a_policy_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(data)
    refusal = refusal_of(file)
    assert refusal is None or (refusal and "\n" not in refusal.strip())
    assert refusal is not None or b"[[grant]]" in data or load_policy(file).grants == ()


@settings(max_examples=600)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=8, unique_by=lambda pair: pair[0]))
def test_any_grant_is_what_it_says_or_refused(pairs: list[tuple[str, str]]) -> None:
    text = "[[grant]]\n" + "".join(f"{key} = {value}\n" for key, value in pairs)
    said: dict[str, Any] = tomllib.loads(text)["grant"][0]
    try:
        (grant,) = parse_policy(text, "p").grants
    except BadInput:
        return
    assert "not_a_key" not in said
    # Whatever a grant allows stands in its text.
    for key in ("teams", "tools", "binaries", "reads", "approves"):
        assert list(getattr(grant, key)) == said.get(key, [])
    assert {one.value for one in grant.classes} == set(said.get("classes", []))
    assert grant.one_liners == said.get("one_liners", False)
    assert grant.lift_aborts == said.get("lift_aborts", False)
    assert grant.break_glass == said.get("break_glass", False)
    assert (grant.approval_wait_ms is None) == (not said.get("needs_approval", False))
    assert (grant.max_hosts, grant.max_jobs_per_day) == (said.get("max_hosts"), said.get("max_jobs_per_day"))


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.toml"
    file.write_bytes(b"# " + b"x" * MAX_FILE_BYTES)
    with pytest.raises(BadInput, match="is larger than"):
        load_policy(file)


def test_a_bomb_of_nested_lists_is_refused() -> None:
    with pytest.raises(BadInput):
        parse_policy("a = " + "[" * 100_000, "p")
