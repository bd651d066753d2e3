"""What the shell completes: tools of the catalogue; hosts, selectors and jobs of the controller, if it answers at once.

A shell that completes has no place for an error: what cannot be had completes to nothing.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import TypeVar

import typer

from controller.access_client import AccessClient
from controller.cli.connecting import connect
from fleettrace.catalog import builtin_tools
from fleettrace.errors import FleettraceError
from fleettrace.model.host import Host

__all__ = ["complete_host", "complete_job", "complete_selector", "complete_tool"]

ANSWER_S = 1.0
"""Who presses TAB waits no longer."""
MAX_OFFERED = 200
"""Of a large fleet: a longer list helps nobody."""
T = TypeVar("T")
Offered = list[tuple[str, str]]
"""Words with what they mean; not every shell shows that."""


def complete_tool(incomplete: str) -> Offered:
    """Tools of the local catalogue with their questions."""
    try:
        tools = builtin_tools()
    except FleettraceError:
        return []
    return [(name, tool.question) for name, tool in tools.items() if name.startswith(incomplete)]


def complete_host(context: typer.Context, incomplete: str) -> Offered:
    """Names of hosts."""
    return _offered(_asked(context, _hosts), incomplete)


def complete_selector(context: typer.Context, incomplete: str) -> Offered:
    """The last term of a selector: a label with its value, a host, or all of them."""
    before, comma, _ = incomplete.rpartition(",")
    hosts = _asked(context, lambda client: client.hosts())
    labels = {f"{name}={value}": "" for host in hosts for name, value in sorted(host.labels.items())}
    terms = [*([] if comma else [("all", "every host")]), *labels.items(), *map(_told, hosts)]
    return _offered(((f"{before}{comma}{term}", meaning) for term, meaning in terms), incomplete)


def complete_job(context: typer.Context, incomplete: str) -> Offered:
    """Ids of the newest jobs."""
    return _offered(_asked(context, _jobs), incomplete)


def _hosts(client: AccessClient) -> Offered:
    return [_told(host) for host in client.hosts()]


def _told(host: Host) -> tuple[str, str]:
    return host.name, " ".join(f"{name}={value}" for name, value in sorted(host.labels.items()))


def _jobs(client: AccessClient) -> Offered:
    specs = ((job.spec, job.state) for job in client.jobs(MAX_OFFERED))
    return [(spec.job_id, f"{spec.tool} on {spec.selector}, {state.value}") for spec, state in specs]


def _asked(context: typer.Context, ask: Callable[[AccessClient], list[T]]) -> list[T]:
    """What the controller answers that was typed so far or is set; nothing where none does."""
    with suppress(FleettraceError), connect(context.params.get("controller") or "", call_s=ANSWER_S) as client:
        return ask(client)
    return []


def _offered(words: Iterable[tuple[str, str]], incomplete: str) -> Offered:
    return list(islice((word for word in words if word[0].startswith(incomplete)), MAX_OFFERED))
