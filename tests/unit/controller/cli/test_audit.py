"""audit: lists, heads, exports, and logs that are whole or are not."""

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from controller.audit.chain import genesis, seal_all
from controller.cli.exit_codes import ExitCode
from controller.store.sqlite import SqliteStore
from fleettrace.model.audit import AuditEntry, AuditHead, AuditRecord
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl

ENTRY = AuditEntry(5_000, "ann", "sre", "job.policy", "j1", "granted", 'grant "sre"', {"reason": "fine"}, ("api-1",))


def log(count: int = 3) -> list[AuditRecord]:
    first = genesis("d1", 1_000)
    return [first, *seal_all(AuditHead(1, first.hash), [ENTRY] * (count - 1))]


def head_of(records: list[AuditRecord]) -> str:
    return f"{records[-1].number}:{records[-1].hash}"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.db"
    store = SqliteStore.open(path, controller_id="test")
    store.audit([ENTRY, ENTRY, ENTRY])
    store.close()
    return path


def test_list_asks_for_what_was_typed(fleettrace: Command, control: FakeControl) -> None:
    control.audit_log = log()
    options = ("--team", "sre", "--host", "api-1", "--kind", "job", "--since", "2026-01-02T03:04", "--limit", "7")
    outcome = fleettrace("audit", "list", *options, "--before", "9")
    assert outcome.code == ExitCode.OK
    (request,) = control.requests(pb.ListAuditRequest)
    assert (request.team, request.host, request.kind, request.limit) == ("sre", "api-1", "job", 7)
    assert (request.since_ms, request.cursor, request.oldest_first) == (1_767_323_040_000, 9, False)


def test_list_shows_entries_and_how_to_see_older_ones(fleettrace: Command, control: FakeControl) -> None:
    control.audit_log = log(5)
    outcome = fleettrace("audit", "list", "--limit", "2")
    assert outcome.stdout.splitlines()[:3] == [
        "entry  time (UTC)           what        about  decided",
        "    1  1970-01-01 00:00:01  genesis     d1     begun",
        "       by the controller",
    ]
    assert '       by ann of team sre, on api-1: fine (grant "sre")' in outcome.stdout
    assert "older entries: fleettrace audit list --before 2" in outcome.stdout
    document = json.loads(fleettrace("audit", "list", "--limit", "2", "--json").stdout)
    assert (document["schema"], document["before"]) == ("fleettrace.audit/1", 2)
    assert document["entries"][1]["hosts"] == ["api-1"]


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "-2h"])
def test_a_time_that_is_none(fleettrace: Command, since: str) -> None:
    outcome = fleettrace("audit", "list", f"--since={since}")
    assert (outcome.code, outcome.stdout) == (ExitCode.BAD_INPUT, "")
    assert "is no time: write how long ago, such as 2h" in outcome.stderr


def test_head_prints_what_verify_expects(
    fleettrace: Command, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.audit_log = log()
    monkeypatch.setenv("COLUMNS", "40")
    head = fleettrace("audit", "head").stdout
    assert head == f"{head_of(log())}\n"
    outcome = fleettrace("audit", "verify", "--expect", head)
    assert outcome.code == ExitCode.OK
    assert outcome.stdout == (
        f"whole: 3 entries of database d1, head {head_of(log())}; entry 3 is the one that was kept\n"
    )


def test_verify_reads_every_page(fleettrace: Command, control: FakeControl) -> None:
    control.audit_log = log(2_500)
    assert "whole: 2,500 entries" in fleettrace("audit", "verify").stdout
    assert len(control.requests(pb.ListAuditRequest)) == 3


def test_verify_names_what_is_wrong(fleettrace: Command, control: FakeControl) -> None:
    whole = log(5)
    control.audit_log = [*whole[:2], replace(whole[2], body=whole[2].body.replace(b"ann", b"bob")), *whole[3:]]
    outcome = fleettrace("audit", "verify")
    assert (outcome.code, outcome.stdout) == (ExitCode.STORE_FAILED, "")
    assert outcome.stderr == "fleettrace: entry 3 of the audit log was changed, or what stood before it was\n"
    control.audit_log = whole[:4]
    outcome = fleettrace("audit", "verify", "--expect", head_of(whole))
    assert outcome.code == ExitCode.STORE_FAILED
    assert "entry 5 of the audit log is missing: it ends with entry 4" in outcome.stderr


def test_a_database_is_verified_without_a_controller_and_left_as_it_is(command: Command, database: Path) -> None:
    before = database.read_bytes()
    document = json.loads(command("audit", "verify", "--db", str(database), "--json").stdout)
    assert (document["schema"], document["head"]["number"]) == ("fleettrace.audit-verified/1", 4)
    assert database.read_bytes() == before


def test_a_database_that_is_in_use_is_verified_too(command: Command, database: Path) -> None:
    store = SqliteStore.open(database, controller_id="test")
    store.audit([ENTRY])
    assert "whole: 5 entries" in command("audit", "verify", "--db", str(database)).stdout
    store.close()


@pytest.mark.parametrize(
    ("damage", "entry"),
    [
        ("UPDATE audit SET body = CAST(replace(CAST(body AS TEXT), 'ann', 'bob') AS BLOB) WHERE number = 3", 3),
        ("UPDATE audit SET hash = CAST(x'ff' || hash AS TEXT) WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
    ],
)
def test_a_database_that_somebody_changed(command: Command, database: Path, damage: str, entry: int) -> None:
    # GIVEN somebody who took the guards away first
    with closing(sqlite3.connect(database)) as connection, connection:
        for name in ("audit_no_update", "audit_no_delete"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(damage)
    outcome = command("audit", "verify", "--db", str(database))
    assert outcome.code == ExitCode.STORE_FAILED
    assert f"entry {entry} of the audit log" in outcome.stderr


def test_what_is_no_database_of_ours(command: Command, tmp_path: Path) -> None:
    missing = command("audit", "verify", "--db", str(tmp_path / "none.db"))
    assert (missing.code, "holds no database" in missing.stderr) == (ExitCode.NOT_FOUND, True)
    other = tmp_path / "other.db"
    other.write_text("hello")
    assert command("audit", "verify", "--db", str(other)).code == ExitCode.STORE_FAILED


def test_an_export_is_verified_and_is_one_json_object_a_line(
    fleettrace: Command, control: FakeControl, tmp_path: Path
) -> None:
    control.audit_log = log(4)
    file = tmp_path / "audit.jsonl"
    assert fleettrace("audit", "export", "-o", str(file)).code == ExitCode.OK
    lines = file.read_text().splitlines()
    assert [json.loads(line)["entry"]["number"] for line in lines] == [1, 2, 3, 4]
    assert "whole: 4 entries" in fleettrace("audit", "verify", "--export", str(file)).stdout
    # Other programs may write it with spaces; a change of it is found all the same.
    file.write_text("".join(json.dumps(json.loads(line), indent=None) + "\n" for line in lines))
    assert "whole: 4 entries" in fleettrace("audit", "verify", "--export", str(file)).stdout
    file.write_text("\n".join([lines[0], lines[1].replace("ann", "bob"), *lines[2:]]))
    assert "entry 2 of the audit log was changed" in fleettrace("audit", "verify", "--export", str(file)).stderr


@pytest.mark.parametrize("text", ["hello", "{}", '{"hash":"x","entry":{}}', "[]", "[" * 100_000, "\x00"])
def test_a_file_that_is_no_export(command: Command, tmp_path: Path, text: str) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(text + "\n")
    outcome = command("audit", "verify", "--export", str(file))
    assert outcome.code == ExitCode.STORE_FAILED
    assert outcome.stderr.startswith("fleettrace: line 1 is no entry of an audit log")


def test_an_export_can_be_checked_by_a_shell_as_the_page_says(
    fleettrace: Command, control: FakeControl, tmp_path: Path
) -> None:
    control.audit_log = log(2)
    fleettrace("audit", "export", "-o", str(tmp_path / "audit.jsonl"))
    page = (Path(__file__).parents[4] / "docs" / "audit.md").read_text()
    script = page.split("```sh\n")[1].split("```")[0]
    told = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert told.split()[0] == log()[0].hash


def test_two_sources_are_one_too_many(command: Command) -> None:
    outcome = command("audit", "verify", "--db", "a", "--export", "b")
    assert (outcome.code, "leave one of them out" in outcome.stderr) == (ExitCode.BAD_INPUT, True)


def test_a_full_disk_leaves_no_half_of_an_export(fleettrace: Command, control: FakeControl) -> None:
    control.audit_log = log()
    outcome = fleettrace("audit", "export", "-o", "/dev/full")
    assert (outcome.code, "cannot be written" in outcome.stderr) == (ExitCode.BAD_INPUT, True)


def test_a_copy_on_a_medium_that_takes_no_files(database: Path) -> None:
    # GIVEN a database of write-ahead log mode where nothing can be made beside it, seen by a user without rights
    script = (
        "import os, sys; os.geteuid() or os.setuid(65534);"
        "from controller.cli import main; sys.exit(main(['audit', 'verify', '--db', sys.argv[1]]))"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        copy = Path(shutil.copy(database, folder))
        copy.parent.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", script, str(copy)], capture_output=True, text=True, check=False)
        copy.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert "whole: 4 entries" in done.stdout
