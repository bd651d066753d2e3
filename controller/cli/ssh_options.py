"""Options of the commands that reach hosts over SSH, and what is parsed from them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from controller.install.inventory import parse_inventory
from controller.install.runner import MAX_JOBS
from controller.install.ssh import SshSettings
from controller.install.target import Target, check_targets, parse_addresses, parse_jumps
from fleettrace.toml_tables import read_text

__all__ = [
    "Inventory",
    "Jobs",
    "Jump",
    "Key",
    "KnownHosts",
    "On",
    "SshConfig",
    "Wait",
    "WheelhouseDirectory",
    "read_targets",
    "ssh_settings",
]

On = Annotated[
    str,
    typer.Option(
        "--on",
        metavar="SSH,...",
        help="Which hosts: `ssh://user@host:port` with commas between; what is left out is ssh_config's to say.",
        show_default=False,
    ),
]
Inventory = Annotated[
    Path | None,
    typer.Option(
        "--inventory", metavar="FILE", help="Hosts of this file (docs/install.md) besides.", show_default=False
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=MAX_JOBS, metavar="N", help="Hosts at once.")]
Jump = Annotated[
    str,
    typer.Option(
        "-J",
        "--jump",
        metavar="SSH,...",
        help="Reach the hosts of `--on` over these, the first one first; without it as ssh_config's ProxyJump says.",
        show_default=False,
    ),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "-i",
        "--key",
        metavar="FILE",
        help="A private key; without it those of ssh-agent and ~/.ssh.",
        show_default=False,
    ),
]
KnownHosts = Annotated[
    Path | None,
    typer.Option(
        "--known-hosts",
        metavar="FILE",
        help="Host keys that are known; without it ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.",
        show_default=False,
    ),
]
SshConfig = Annotated[
    Path | None,
    typer.Option("--ssh-config", metavar="FILE", help="Instead of ~/.ssh/config.", show_default=False),
]
Wait = Annotated[
    str,
    typer.Option(
        "--wait",
        metavar="DURATION",
        help="How long an agent may take until the controller sees it; a first one compiles every tool.",
    ),
]
WheelhouseDirectory = Annotated[
    Path | None,
    typer.Option(
        "--wheelhouse",
        metavar="DIR",
        help="Packages that `fleettrace wheelhouse` fetched, for a machine that reaches no index.",
        show_default=False,
    ),
]


def read_targets(on: str, inventory: Path | None, jump: str) -> tuple[Target, ...]:
    """The hosts of ``--on`` and of the inventory.

    Raises:
        BadInput: none, one twice, or something that cannot be read.
    """
    jumps = parse_jumps(jump) if jump else None
    named = [Target(address, jumps=jumps) for address in parse_addresses(on)] if on else []
    listed: Sequence[Target] = parse_inventory(read_text(inventory), str(inventory)) if inventory is not None else ()
    if jumps is not None:
        listed = [replace(target, jumps=jumps) if target.jumps is None else target for target in listed]
    return check_targets([*named, *listed])


def ssh_settings(config: Path | None, known_hosts: Path | None, key: Path | None) -> SshSettings:
    """How connections are made."""
    return SshSettings(config, known_hosts, key)
