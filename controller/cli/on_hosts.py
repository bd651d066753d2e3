"""Doing something to many hosts over SSH: the frame that install, upgrade and uninstall share."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from controller.access_client import AccessClient
from controller.cli.exit_codes import ExitCode
from controller.cli.host_outcomes import exit_code_of_hosts, hosts_done_document, render_outcomes
from controller.cli.host_progress import HostProgress
from controller.cli.options import local_user
from controller.cli.terminal import Terminal
from controller.install.outcome import HostOutcome
from controller.install.runner import Ended
from controller.install.ssh import Connections, SshSettings
from controller.install.target import Target
from controller.install.wheelhouse import Wheelhouse
from controller.install.work import Worker
from fleettrace.errors import NotFound
from fleettrace.model.host import Host

__all__ = ["OnHosts", "RpcControl", "run_on_hosts"]

JOIN_TOKEN_LIFE_MS = 15 * 60_000
"""From the making of a token to an agent's start: a slow host unpacks in between."""

OnHosts = Callable[[Worker, Ended], Awaitable[list[HostOutcome]]]


class RpcControl:
    """What an installation needs of the controller, by its RPC. The client blocks: each call has a thread."""

    def __init__(self, client: AccessClient) -> None:
        self._client = client

    async def host(self, name: str) -> Host | None:
        """The host as the controller knows it."""
        return next(iter(await asyncio.to_thread(self._client.hosts, name)), None)

    async def join_token(self, name: str, labels: Mapping[str, str]) -> str:
        """A token for one host."""
        _, text = await asyncio.to_thread(
            self._client.create_join_token, name, labels, JOIN_TOKEN_LIFE_MS, local_user()
        )
        return text

    async def revoke(self, name: str) -> bool:
        """Let the host connect no more; whether it could."""
        try:
            await asyncio.to_thread(self._client.revoke_host, name, "uninstalled", local_user())
        except NotFound:
            return False
        return True


def run_on_hosts(
    doing: str,
    targets: Sequence[Target],
    work: OnHosts,
    *,
    client: AccessClient,
    ssh: SshSettings,
    wheelhouse: Path | None = None,
    as_json: bool,
) -> ExitCode:
    """Do it, tell of it, and give the exit code. ``doing`` names the command."""
    terminal = Terminal(as_json=as_json)

    async def all_of_it() -> list[HostOutcome]:
        with HostProgress(terminal, doing, len(targets)) as progress:
            async with Connections(ssh) as connections:
                worker = Worker(connections, Wheelhouse(given=wheelhouse), RpcControl(client), progress.tell)
                return await work(worker, progress.ended)

    outcomes = asyncio.run(all_of_it())
    terminal.separate()
    terminal.show(render_outcomes(outcomes), hosts_done_document(doing, outcomes))
    return exit_code_of_hosts(outcomes)
