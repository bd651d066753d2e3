"""``fleettrace hosts``, ``hosts revoke`` and ``hosts clear``."""

from typing import Annotated

import typer
from rich.text import Text

from controller.cli.completing import complete_host
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, Selector, connect, local_user
from controller.cli.terminal import Terminal
from controller.report.json import hosts_document
from controller.report.text import render_host_list
from fleettrace.errors import Refused
from fleettrace.model.selector import parse_selector

__all__ = ["hosts"]

hosts = typer.Typer()

HostName = Annotated[str, typer.Argument(metavar="NAME", help="The host.", autocompletion=complete_host)]


@hosts.callback(invoke_without_command=True)
def list_hosts(context: typer.Context, on: Selector = "all", as_json: Json = False, controller: Controller = "") -> int:
    """List the hosts that the controller knows.

    Hosts that cannot take part in a job are listed with the reason.
    """
    if context.invoked_subcommand is not None:
        return ExitCode.OK
    selector = parse_selector(on)
    with connect(controller) as client:
        found = client.hosts(selector.text)
    Terminal(as_json=as_json).show(render_host_list(found), hosts_document(found))
    return ExitCode.OK


@hosts.command()
def revoke(
    name: HostName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is told wherever the host is.")] = "",
    controller: Controller = "",
) -> int:
    """Let a host connect no more, and cut its stream at once; its runs end.

    It stays revoked until it enrols with a new token that names it: `fleettrace token create --host NAME`.
    """
    with connect(controller) as client:
        was_connected = client.revoke_host(name, reason, local_user())
    cut = "its stream is cut" if was_connected else "it was not connected"
    Terminal().note("revoked", f"{name}: {cut}")
    return ExitCode.OK


@hosts.command()
def clear(
    name: HostName,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Have a dirty host take runs again, once you have looked at what a run has left behind on it.

    Its agent looks again first: what is still there keeps it dirty.
    """
    with connect(controller) as client:
        host = client.clear_host(name, local_user())
    if host.facts.dirty_reason:
        raise Refused(f"{name} stays dirty: {host.facts.dirty_reason}; end what holds it, then try again", "host.dirty")
    Terminal(as_json=as_json).show(Text(f"{name} takes runs again"), hosts_document([host]))
    return ExitCode.OK
