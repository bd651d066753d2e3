"""approver and order-key: keys and approvals, without a controller."""

import json
import stat
from pathlib import Path

import pytest

from controller.cli.exit_codes import ExitCode
from controller.orders.key_file import open_order_key
from fleettrace.catalog import find_tool
from fleettrace.oneliner import read_one_liner
from fleettrace.orders.approvals import approving, read_approval
from fleettrace.orders.keys import PublicKey
from fleettrace.orders.vouching import believed
from tests.unit.controller.cli.conftest import Command

PROGRAM = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"


@pytest.fixture
def key(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "approver.key"
    assert command("approver", "init", "--key", str(path)).code == ExitCode.OK
    return path


def test_init_prints_the_public_key_and_keeps_the_other_for_its_owner(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "k"
    outcome = command("approver", "init", "--key", str(path))
    assert str(PublicKey.parse(outcome.stdout.strip())) == outcome.stdout.strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = command("approver", "init", "--key", str(path))
    assert (again.code, "is not overwritten" in again.stderr) == (ExitCode.BAD_INPUT, True)


def test_a_tool_is_approved_as_it_is_with_what_was_named(command: Command, key: Path, tmp_path: Path) -> None:
    file = tmp_path / "profile.approval"
    options = (
        "--key",
        str(key),
        "--until",
        "30d",
        "-p",
        "frequency_hz=49",
        "-p",
        "frequency_hz=99",
        "--note",
        "on call",
    )
    assert command("approver", "sign", "profile", *options, "-o", str(file)).code == ExitCode.OK
    approval, _ = read_approval(file.read_text())
    assert (approval.tool, approval.digest) == ("profile", find_tool("profile").digest)
    assert (approval.params, approval.note) == ({"frequency_hz": ("49", "99")}, "on call")
    shown = command("approver", "show", str(file))
    assert "frequency_hz=49 or 99" in shown.stdout
    assert json.loads(command("approver", "show", str(file), "--json").stdout)["digest"] == approval.digest


def test_a_one_liner_is_approved_by_its_canonical_text(command: Command, key: Path) -> None:
    outcome = command("approver", "sign", "-e", PROGRAM, "--key", str(key), "--until", "2099-01-01")
    approval, signed = read_approval(outcome.stdout)
    assert approval.digest == read_one_liner(PROGRAM).tool.digest
    good, _ = approving([signed], {signed.key_id: _public(key)}, digest=approval.digest, now_ms=approval.from_ms)
    assert good == [approval]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name a tool, or give a program with -e"),
        (("runqlat", "-e", PROGRAM), "one of the two"),
        (("runqlat", "-p", "pid=7"), "has no parameter pid that an approval could bound"),
        (("profile", "-p", "frequency_hz=x"), "frequency_hz"),
        (("runqlatt",), "runqlat"),
    ],
)
def test_what_cannot_be_approved(command: Command, key: Path, arguments: tuple[str, ...], told: str) -> None:
    outcome = command("approver", "sign", *arguments, "--key", str(key), "--until", "1h")
    assert (outcome.code, outcome.stdout) == (ExitCode.BAD_INPUT, "")
    assert told in outcome.stderr


@pytest.mark.parametrize("until", ["yesterday", "2020-01-01", "0d"])
def test_a_time_that_is_over_or_none(command: Command, key: Path, until: str) -> None:
    outcome = command("approver", "sign", "runqlat", "--key", str(key), "--until", until)
    assert outcome.code == ExitCode.BAD_INPUT


def test_what_is_no_approval_is_named(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "x.approval"
    file.write_text("{}")
    outcome = command("approver", "show", str(file))
    assert (outcome.code, outcome.stderr.startswith(f"fleettrace: {file}: this is no approval")) == (2, True)


def test_a_key_is_replaced_and_the_old_one_leads_to_the_new_one(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "fleet.db.order-key"
    old = open_order_key(path).key.public
    assert command("order-key", "show", str(path)).stdout == f"{old}\n"
    outcome = command("order-key", "rotate", str(path), "--overlap", "7d")
    new = open_order_key(path)
    assert outcome.stdout == f"{new.key.public}\n"
    assert new.key.public != old
    assert set(believed({old.raw: 0}, new.vouches, 1)) == {old.raw, new.key.public.raw}
    command("order-key", "rotate", str(path))
    third = open_order_key(path)
    assert third.key.public.raw in believed({old.raw: 0}, third.vouches, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_that_is_not_there_is_not_replaced(command: Command, tmp_path: Path) -> None:
    outcome = command("order-key", "rotate", str(tmp_path / "none"))
    assert (outcome.code, "a controller makes its key when it starts" in outcome.stderr) == (ExitCode.BAD_INPUT, True)


def _public(key: Path) -> PublicKey:
    return open_order_key(key).key.public
