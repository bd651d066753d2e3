"""``fleettrace tunnel``."""

import asyncio
import signal
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller
from controller.cli.ssh_options import (
    Inventory,
    Jump,
    Key,
    KnownHosts,
    On,
    SshConfig,
    read_targets,
    ssh_settings,
)
from controller.cli.terminal import Terminal
from controller.install.settings import AgentSettings, dialled
from controller.install.ssh import Connections
from controller.install.target import Target
from controller.install.tunnel import TunnelState, keep_tunnels

__all__ = ["tunnel"]


def tunnel(
    *,
    on: On = "",
    inventory: Inventory = None,
    dial: Annotated[
        str,
        typer.Option(
            "--dial",
            metavar="HOST:PORT",
            help="Where the controller is, seen from here; without it, `--controller`.",
            show_default=False,
        ),
    ] = "",
    stream: Annotated[
        str, typer.Option("--stream", metavar="HOST:PORT", help="Where it takes agents.", show_default=False)
    ] = "",
    jump: Jump = "",
    key: Key = None,
    known_hosts: KnownHosts = None,
    ssh_config: SshConfig = None,
    controller: Controller = "",
) -> int:
    """Keep tunnels to hosts whose agents were installed with `--tunnel`, until Ctrl-C or SIGTERM.

    On each host the controller's two ports on 127.0.0.1 then lead to the controller. A tunnel that breaks is made
    again, after pauses of one second to one minute. It runs in the foreground: let a unit of systemd keep it.
    """
    targets = read_targets(on, inventory, jump)
    ends = AgentSettings(dialled(dial or controller), dialled(stream), tunnel=True).ends
    terminal = Terminal()

    def tell(target: Target, state: TunnelState, reason: str) -> None:
        terminal.note(state, f"{target.title}: {reason}" if reason else target.title)

    async def until_signalled() -> None:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        async with Connections(ssh_settings(ssh_config, known_hosts, key)) as connections:
            keeping = asyncio.ensure_future(keep_tunnels(connections, targets, ends, tell))
            waiting = asyncio.ensure_future(ended.wait())
            await asyncio.wait({keeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            keeping.cancel()
            await asyncio.gather(keeping, waiting, return_exceptions=True)

    asyncio.run(until_signalled())
    return ExitCode.OK
