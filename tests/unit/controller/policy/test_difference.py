"""What changes between two policies, and in which direction."""

import pytest

from controller.policy.difference import difference
from controller.policy.parse import parse_policy

DB = '[[grant]]\nname = "db"\nteams = ["db"]\nhosts = "role=db"\ntools = ["runqlat", "profile"]\n'
LIMIT = "max_duration_s = 20\n"


def changes(old: str, new: str) -> list[tuple[str, str, str, str]]:
    found = difference(parse_policy(old, "old"), parse_policy(new, "new"))
    return [(one.direction, one.team, ", ".join(one.what), ", ".join(one.hosts)) for one in found.changes]


def test_equal_policies_change_nothing() -> None:
    assert changes(DB, DB + "# a remark\n") == []


BOTH = "profile, runqlat"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", DB, [("widened", "db", BOTH, "role=db")]),
        (DB, "", [("narrowed", "db", BOTH, "role=db")]),
        (DB, DB.replace(', "profile"', ""), [("narrowed", "db", "profile", "role=db")]),
        (DB, DB + LIMIT, [("narrowed", "db", BOTH, "role=db")]),
        (DB + LIMIT, DB, [("widened", "db", BOTH, "role=db")]),
        (DB, DB + "needs_approval = true\n", [("narrowed", "db", BOTH, "role=db")]),
        (DB, DB + 'redact = { paths = "hash" }\n', [("narrowed", "db", BOTH, "role=db")]),
        (DB + 'redact = { paths = "cut" }\n', DB, [("widened", "db", BOTH, "role=db")]),
        (DB, DB + "max_jobs_per_day = 3\n", [("narrowed", "db", BOTH, "role=db")]),
        (DB + LIMIT, DB + "max_cpu_pct = 1\n", [("changed", "db", BOTH, "role=db")]),
        (DB, f"[limits]\nmax_hosts = 3\n{DB}", [("narrowed", "db", BOTH, "role=db")]),
        (
            DB,
            DB + "break_glass = true\nmax_duration_s = 60\nmax_jobs_per_day = 1\n",
            [("narrowed", "db", BOTH, "role=db")],
        ),
        (
            DB,
            DB.replace('"role=db"', '"role=web"'),
            [("widened", "db", BOTH, "role=web"), ("narrowed", "db", BOTH, "role=db")],
        ),
        (
            DB,
            DB.replace('["db"]', '["*"]'),
            [("widened", "another-team", BOTH, "role=db")],
        ),
        (
            DB,
            DB + 'reads = ["web"]\napproves = ["web"]\n',
            [
                ("widened", "db", "approving what team web runs", "role=db"),
                ("widened", "db", "reading what team web runs", ""),
            ],
        ),
    ],
)
def test_each_change_is_found_with_its_direction(old: str, new: str, expected: list[tuple[str, ...]]) -> None:
    assert changes(old, new) == expected


def test_binaries_and_one_liners_are_asked_about() -> None:
    uprobes = DB + 'classes = ["aggregate", "uprobes"]\nbinaries = ["/opt/*"]\n'
    found = {what for _, _, what, _ in changes(DB, uprobes)}
    assert any("funclatency in /opt/x" in what for what in found)
    assert not any("/another/binary" in what for what in found)
    assert ("widened", "db", "one-liner", "role=db") in changes(DB, DB + "one_liners = true\n")
