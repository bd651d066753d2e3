"""``fleettrace install``."""

from typing import Annotated

import typer

from controller.cli.on_hosts import run_on_hosts
from controller.cli.options import Controller, Json, connect
from controller.cli.ssh_options import (
    Inventory,
    Jobs,
    Jump,
    Key,
    KnownHosts,
    On,
    SshConfig,
    Wait,
    WheelhouseDirectory,
    read_targets,
    ssh_settings,
)
from controller.install.outcome import HostOutcome
from controller.install.runner import Ended, for_each
from controller.install.settings import AgentSettings, Backend, dialled
from controller.install.target import Target
from controller.install.work import Worker
from fleettrace.model.names import parse_duration_ms, parse_labels

__all__ = ["install"]


def install(
    *,
    on: On = "",
    inventory: Inventory = None,
    dial: Annotated[
        str,
        typer.Option(
            "--dial",
            metavar="HOST:PORT",
            help="Where agents find the controller to enrol; without it, `--controller` if that is TCP.",
            show_default=False,
        ),
    ] = "",
    stream: Annotated[
        str,
        typer.Option(
            "--stream",
            metavar="HOST:PORT",
            help="Where the controller takes agents, if not where it says; a tunnel needs it.",
            show_default=False,
        ),
    ] = "",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=VALUE", help="A label of every host. May be repeated."),
    ] = None,
    tunnel: Annotated[
        bool,
        typer.Option(
            "--tunnel", help="The agents find the controller at the end of a tunnel, which `fleettrace tunnel` keeps."
        ),
    ] = False,
    backend: Annotated[
        Backend, typer.Option("--backend", help="With `replay` agents play recordings: to try an installation out.")
    ] = Backend.BCC,
    enrol_anew: Annotated[
        bool, typer.Option("--enrol-anew", help="Give new certificates, also to hosts that were revoked.")
    ] = False,
    jobs: Jobs = 50,
    jump: Jump = "",
    key: Key = None,
    known_hosts: KnownHosts = None,
    ssh_config: SshConfig = None,
    wheelhouse: WheelhouseDirectory = None,
    wait: Wait = "180s",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Put an agent on hosts over SSH, and wait until the controller sees it.

    A host needs an SSH server, root or sudo without a password, python3 (3.11 or later) and python3-bpfcc; it needs no
    index of packages. Host keys are checked always. A second run changes nothing and says so. Ends with 0 when all
    hosts are done, with 9 when some are, with 13 when none is.
    """
    targets = read_targets(on, inventory, jump)
    ends = dialled(dial or controller), dialled(stream) if stream else None
    settings = AgentSettings(*ends, parse_labels(label or ()), backend, tunnel=tunnel)
    wait_ms = parse_duration_ms(wait)
    with connect(controller) as client:

        async def work(worker: Worker, ended: Ended) -> list[HostOutcome]:
            async def one(target: Target) -> HostOutcome:
                return await worker.install(target, settings, wait_ms, anew=enrol_anew)

            return await for_each(targets, jobs, one, ended)

        ssh = ssh_settings(ssh_config, known_hosts, key)
        return run_on_hosts("install", targets, work, client=client, ssh=ssh, wheelhouse=wheelhouse, as_json=as_json)
