"""A function of a program on hosts that have it, have another build of it, lack it, or have its stripped copy alone."""

from pathlib import Path

import pytest

from tests.compiled import stripped
from tests.integration.fleet import LiveFleet
from tests.kernel.calls import calls, compile_calls

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

SEE_ANOTHER_FILE = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@pytest.fixture
def four(fleet: LiveFleet, tmp_path: Path) -> Path:
    """Four hosts that see four different things at one path; returns the path."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    program = compile_calls(tmp_path / "first")
    other = compile_calls(tmp_path / "second", "-O2")
    text = tmp_path / "text"
    text.write_text("not a program")
    for host, seen in (("api-1", text), ("api-2", program), ("api-3", other), ("api-4", stripped(program))):
        # The first compiles the catalogue for all.
        under = ("unshare", "--mount", "sh", "-c", SEE_ANOTHER_FILE, "sh", str(seen), str(program))
        fleet.start_agent(host, wait=host == "api-1", under=under)
    fleet.wait_connected("api-2", "api-3", "api-4")
    return program


def test_each_host_answers_for_the_build_that_it_has_or_says_why_not(fleet: LiveFleet, four: Path) -> None:
    asked = ("funclatency", f"binary={four}", "symbol=snooze", "--on", "all", "--for", "1s", "--promote")
    other = four.parents[1] / "second" / "calls"
    with calls(four, "sleeps", 10_000) as one, calls(other, "sleeps", 10_000) as two:
        one.begin()
        two.begin()
        data = fleet.json("run", *asked, code=9)
        status, text, _ = fleet.fleettrace("show", data["job"]["id"])
    missing = {item["host"]: item["reason"] for item in data["coverage"]["missing"]}
    assert missing.keys() == {"api-1", "api-4"}
    assert "not an ELF file" in missing["api-1"]
    assert "is stripped" in missing["api-4"]
    builds = {host["host"]: host["build_id"] for host in data["hosts"] if host["outcome"] == "complete"}
    assert len(set(builds.values())) == len(builds) == 2
    assert all(host["histograms"][0]["buckets"] for host in data["hosts"] if host["host"] in builds), (
        "each was traced in its own build"
    )
    assert status == 0
    assert f"builds2of{four}:" in "".join(text.split()), "the path may be folded"
    assert any(decision["verdict"] == "replaced" for decision in data["decisions"])
