"""Whatever is wrong: one clear sentence with the way out, a documented exit code, nothing half-created."""

import os
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.waiting import wait_for
from tests.integration.fleet import BIN, LiveFleet

NOBODY = 65534


def refused(command: Sequence[str | Path], code: int, *words: str, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "COLUMNS": "100", **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "runqlatt", "--on", "all"], 2, ["runqlatt", "runqlat"]),
        (["run", "runqlat", "--on", "role=nope"], 2, ["role=nope", "no host matches"]),
        (["run", "runqlat", "--on", "role=,"], 2, ["selector"]),
        (["run", "runqlat", "--on", "all", "--for", "soon"], 2, ["'soon'", "5s"]),
        (["run", "runqlat", "--on", "all", "--for", "2h"], 3, ["max_duration_s", "60"]),
        (["run", "runqlat", "--on", "all", "-p", "pid=x"], 2, ["pid", "whole number"]),
        (["run", "runqlat", "--on", "all", "-p", "nope=1"], 2, ["nope", "pid"]),
        (["run", "runqlat", "--on", "all", "--canary", "nope"], 2, ["nope"]),
        (["show", "j00000000"], 4, ["j00000000", "fleettrace jobs"]),
        (["cancel", "j00000000"], 4, ["j00000000"]),
        (["hosts", "--on", "a==b"], 2, ["selector"]),
    ],
)
def test_commands_refuse_with_one_sentence(
    replaying: LiveFleet, arguments: list[str], code: int, words: list[str]
) -> None:
    refused([BIN / "fleettrace", *arguments], code, *words, env={"FLEETTRACE_CONTROLLER": replaying.address})
    job = replaying.newest_job()
    assert job is None or job.state == "refused"


def test_an_unreachable_or_unnamed_controller(tmp_path: Path) -> None:
    away = f"unix:{tmp_path}/none.sock"
    refused([BIN / "fleettrace", "hosts", "--controller", away], 5, away)
    refused([BIN / "fleettrace", "hosts"], 2, "FLEETTRACE_CONTROLLER", env={"FLEETTRACE_CONTROLLER": ""})


def serve(database: Path, address: str, *more: str) -> list[str | Path]:
    return [BIN / "fleettrace", "serve", "--db", database, "--listen", address, *more]


def test_a_database_that_is_not_ours_is_left_as_it_was(tmp_path: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "foreign.db"
    text.write_text("dear diary " * 100)
    with sqlite3.connect(foreign) as connection:
        connection.execute("create table t (x)")
    connection.close()
    for database in (text, foreign):
        before = database.read_bytes()
        refused(serve(database, f"unix:{tmp_path}/c.sock"), 7, str(database))
        assert database.read_bytes() == before
    refused(serve(tmp_path / "none" / "x.db", f"unix:{tmp_path}/c.sock"), 7, str(tmp_path / "none"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".lock") == [
        "foreign.db",
        "notes.txt",
    ]


def test_a_read_only_database_is_refused(tmp_path: Path) -> None:
    # Root may write what is read-only for others; a read-only mount holds for root too.
    database = tmp_path / "ro" / "fleet.db"
    database.parent.mkdir()
    folder = f'"{database.parent}"'
    script = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"'
    refused(["unshare", "-m", "sh", "-c", script, "sh", *serve(database, f"unix:{tmp_path}/c.sock")], 7, "read-only")
    assert list(database.parent.iterdir()) == []


def test_a_database_or_an_address_in_use(replaying: LiveFleet, tmp_path: Path) -> None:
    refused(serve(replaying.folder / "fleet.db", f"unix:{tmp_path}/c.sock"), 7, "in use")
    refused(serve(tmp_path / "own.db", replaying.address), 8, replaying.address)
    assert not list(tmp_path.glob("own.db*"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert replaying.fleettrace("ca", "init", "--dir", str(tmp_path / "ca"))[0] == 0
        refused(serve(tmp_path / "own.db", f"127.0.0.1:{port}", "--ca", str(tmp_path / "ca")), 8, str(port))
    assert replaying.fleettrace("hosts")[0] == 0


def test_addresses_that_cannot_be_or_that_others_can_reach(tmp_path: Path) -> None:
    for address in ("nowhere", "localhost:x", "unix:", f"unix:{tmp_path}/none/c.sock", f"unix:/tmp/{'x' * 120}"):
        refused(serve(tmp_path / "own.db", address), 2)
    for address in ("0.0.0.0:0", "127.0.0.1:0", "localhost:0"):
        refused(serve(tmp_path / "own.db", address), 2, "--ca DIR")
    assert not (tmp_path / "own.db").exists()


def test_a_malformed_policy_names_file_table_and_key(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("[limits]\nmax_duration_s = 'long'\n")
    refused(
        serve(tmp_path / "own.db", f"unix:{tmp_path}/c.sock", "--policy", str(policy)), 2, str(policy), "max_duration_s"
    )
    assert not (tmp_path / "own.db").exists()


def agent(*arguments: str | Path) -> list[str | Path]:
    return [BIN / "fleettrace-agent", "--controller", "unix:/nonexistent/c.sock", *arguments]


def test_the_agents_bad_options(tmp_path: Path) -> None:
    refused(agent("--label", "role"), 2, "role", "name=value")
    refused(agent("--label", "a=b", "--label", "a=c"), 2, "twice")
    refused(agent("--name", "all"), 2, "all")
    refused(agent("--scope", "no/such/cgroup"), 2, "no/such/cgroup")
    refused(agent("--config", tmp_path / "none.toml"), 2, "none.toml")
    refused([BIN / "fleettrace-agent"], 2, "--controller", env={"FLEETTRACE_CONTROLLER": ""})
    refused([BIN / "fleettrace-agent", "--bogus"], 2, "--bogus", "fleettrace-agent --help")


@contextmanager
def fleet_of_nobody(*arguments: str) -> Iterator[LiveFleet]:
    """One agent, of a user who may do nothing, in a folder of its own.

    It is not below pytest's, which every other pytest on this machine shuts for other users when it begins.
    """
    with tempfile.TemporaryDirectory(prefix="ft-") as name, LiveFleet(Path(name), Path(name) / "theirs") as fleet:
        fleet.folder.chmod(0o755)
        fleet.state_directory.mkdir()
        os.chown(fleet.state_directory, NOBODY, NOBODY)
        fleet.start_controller(tls=["localhost"])
        plain = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--inh-caps", "-all"]
        fleet.enrol_agent("plain", fleet.state_directory, *arguments, under=plain)
        yield fleet


@pytest.mark.kernel
def test_not_root_is_no_reason_to_stay_away() -> None:
    """An agent that cannot trace connects, and is listed with what it lacks."""
    with fleet_of_nobody() as fleet:
        (host,) = fleet.json("hosts")["hosts"]
        assert (host["connected"], "CAP_BPF and CAP_PERFMON" in host["unfit_reason"]) == (True, True)
        status, _, err = fleet.fleettrace("run", "runqlat", "--on", "all")
        assert (status, "it cannot trace: this process lacks CAP_BPF" in err) == (2, True)
        (report,) = fleet.json("doctor", code=6)["hosts"]
        assert report["can_trace"] is False
        # Nothing was compiled.
        assert {path.name for path in fleet.state_directory.iterdir()} == {"identity.json", "orders-plain.json"}


def test_two_agents_of_one_name(replaying: LiveFleet) -> None:
    second = replaying.start_agent("recorded", "--backend", "replay", wait=False)
    wait_for("the refusal", lambda: any("connected already" in line for line in replaying.log))
    assert second.poll() is None
    assert replaying.connected("recorded")


@pytest.mark.kernel
def test_a_replaying_agent_needs_no_privilege_and_its_results_say_what_they_are() -> None:
    # The socket is the controller's user's; an unprivileged agent enrols and dials a port.
    with fleet_of_nobody("--backend", "replay") as fleet:
        for tool in ("runqlat", "profile", "syscount"):
            data = fleet.json("run", tool, "--on", "all", "--for", "1s", "--promote")
            assert data["coverage"]["replayed"] == ["plain"]
            assert [host["backend"] for host in data["hosts"]] == ["replay"]
        _, text, _ = fleet.fleettrace("show", data["job"]["id"])
        assert "plain played a recording: these numbers are not of that kernel" in text
