"""serve: hands its options on, and says where it listens."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.app import Settings
from controller.cli.exit_codes import ExitCode
from controller.orders.settings import OrderSettings
from fleettrace.errors import AddressInUse, StoreFailed
from tests.unit.controller.cli.conftest import Command


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the application was started with."""
    calls: list[Settings] = []

    def serve(settings: Settings, *, on_ready: Callable[[list[str]], None]) -> None:
        calls.append(settings)
        on_ready(["127.0.0.1:7070", "unix:/run/fleettrace.sock"])

    monkeypatch.setattr("controller.app.serve", serve)
    return calls


def test_hands_everything_on_and_says_where_it_listens(command: Command, served: list[Settings]) -> None:
    outcome = command(
        *("serve", "--db", "f.db", "--listen", "127.0.0.1:0", "--listen", "unix:/run/fleettrace.sock"),
        *("--policy", "p.toml", "--log-level", "error", "--listen-agents", "127.0.0.1:1", "--ca", "ca"),
        *("--reachable-as", "fleettrace.example", "--oidc", "oidc.toml"),
        *("--order-key", "k", "--tool-approvals", "d", "--epoch", "7"),
    )
    assert outcome.code == ExitCode.OK
    assert served == [
        Settings(
            db=Path("f.db"),
            listen=["127.0.0.1:0", "unix:/run/fleettrace.sock"],
            listen_agents=["127.0.0.1:1"],
            policy=Path("p.toml"),
            authority=Path("ca"),
            names=["fleettrace.example"],
            oidc=Path("oidc.toml"),
            orders=OrderSettings(Path("k"), Path("d"), 7),
        )
    ]
    assert outcome.stdout == ""
    assert outcome.stderr == "listening on 127.0.0.1:7070\nlistening on unix:/run/fleettrace.sock\n"


def test_defaults(command: Command, served: list[Settings]) -> None:
    command("serve", "--db", "f.db", "--listen", "127.0.0.1:0")
    assert served == [Settings(db=Path("f.db"), listen=["127.0.0.1:0"])]


@pytest.mark.parametrize(
    "error",
    [StoreFailed("f.db is not a database of fleettrace: name another file"), AddressInUse("127.0.0.1:80 is in use")],
)
def test_what_keeps_it_from_starting_is_one_sentence(
    error: StoreFailed, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("controller.app.serve", fail)
    outcome = command("serve", "--db", "f.db", "--listen", "127.0.0.1:0")
    assert (outcome.code, outcome.stderr) == (error.exit_code, f"fleettrace: {error}\n")
