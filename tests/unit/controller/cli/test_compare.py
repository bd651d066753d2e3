"""``fleettrace compare``."""

import json
from pathlib import Path

from tests.unit.controller.cli.conftest import Command


def test_hosts_of_a_job_with_the_statement_first(fleettrace: Command) -> None:
    outcome = fleettrace("compare", "k3f9q2")
    assert outcome.code == 0
    lines = outcome.stdout.splitlines()
    assert "host against host" in lines[0]
    assert lines[1].startswith("api-3 waits 4.4 octaves longer for a CPU than the other 3 hosts")


def test_json_and_a_page_at_once(fleettrace: Command, tmp_path: Path) -> None:
    page = tmp_path / "compare.html"
    outcome = fleettrace("compare", "k3f9q2", "-o", str(page), "--json")
    document = json.loads(outcome.stdout)
    assert document["schema"] == "fleettrace.comparison/1"
    assert document["suspects"][0]["shape"]["shift_octaves"] == 4.4
    assert "api-3 waits" in page.read_text()
    assert "written" in outcome.stderr


def test_a_job_with_itself_is_refused(fleettrace: Command) -> None:
    outcome = fleettrace("compare", "k3f9q2", "k3f9q2")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert outcome.stderr == "fleettrace: k3f9q2 is compared with itself: name an earlier and a later job\n"
