"""What is typed for hosts over SSH: refused in one sentence before anything is connected."""

from pathlib import Path

import pytest

from tests.unit.controller.cli.conftest import Command

HERE = ("--controller", "unix:/nowhere.sock")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("install", *HERE), "no host is named: give --on ssh://user@host,..., or --inventory FILE"),
        (("install", "--on", "http://web-1", *HERE), "'http://web-1' is not an SSH address: write ssh://user@host"),
        (("install", "--on", "web-1", *HERE), "give it with --dial HOST:PORT"),
        (
            ("install", "--on", "web-1", "--dial", "c:7070", "--tunnel", *HERE),
            "give both --dial HOST:PORT and --stream",
        ),
        (("install", "--on", "web-1", "--dial", "c:7070", "--wait", "soon", *HERE), "'soon' is not a duration"),
        (("install", "--on", "web-1", "--dial", "c:7070", "--label", "role", *HERE), "is not of the form name=value"),
        (("upgrade", "--inventory", "/nowhere.toml", *HERE), "/nowhere.toml cannot be read"),
        (("uninstall", "--on", "web-1", "-J", "a,b,c,d,e", *HERE), "5 jump hosts are more than the 4"),
        (("uninstall", "--on", "web-1", "--known-hosts", "/nowhere", *HERE), "/nowhere is no file"),
        (("tunnel", "--on", "web-1", *HERE), "give it with --dial HOST:PORT"),
        (("wheelhouse", "packages", "--python", "3.9"), "--python 3.9 is no version that an agent runs on"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_sentence(
    arguments: tuple[str, ...], sentence: str, command: Command
) -> None:
    outcome = command(*arguments)

    assert outcome.code == 2
    assert sentence in outcome.stderr
    assert outcome.stdout == ""


def test_known_hosts_that_cannot_be_read_are_said_to_be_so(tmp_path: Path, command: Command) -> None:
    (tmp_path / "known").write_bytes(b"\\xff\\xfe web-1 ssh-ed25519 \n".decode("unicode_escape").encode("latin-1"))

    outcome = command("uninstall", "--on", "web-1", "--known-hosts", str(tmp_path / "known"), *HERE)

    assert outcome.code == 2
    assert "cannot be read" in outcome.stderr
