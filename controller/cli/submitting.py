"""Asking for a job and waiting for its result, as every command does that runs one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from controller.cli.completing import complete_host
from controller.cli.exit_codes import ExitCode
from controller.cli.fetching import fetching
from controller.cli.follow import follow
from controller.cli.retry import FIRST_WAITS_S, WAITS_S, retrying
from controller.cli.terminal import Terminal
from controller.cli.tools import unknown_tool
from controller.client import Client, JobRequest
from fleettrace.errors import BadDuration, UnknownTool
from fleettrace.model.job import JobResult, Priority
from fleettrace.model.names import parse_duration_ms

__all__ = ["BreakGlass", "Canary", "Duration", "Urgency", "await_result", "duration_to_ms", "submit"]

MAX_DURATION_MS = (1 << 32) - 1
"""What the wire can carry; policy allows far less."""

Duration = Annotated[
    str,
    typer.Option(
        "--for",
        metavar="DURATION",
        help="How long each host traces: `500ms`, `5s`, `2m`. Default: the policy's, which also sets the ceiling.",
        show_default=False,
    ),
]


Canary = Annotated[
    str,
    typer.Option(
        "--canary",
        metavar="HOST",
        help="Try it on this host of its class first.",
        autocompletion=complete_host,
        show_default=False,
    ),
]
Urgency = Annotated[
    Priority,
    typer.Option(
        "--priority",
        help="An incident comes first in the queue and ends routine jobs in its way; a grant must allow it.",
    ),
]
BreakGlass = Annotated[
    str,
    typer.Option(
        "--break-glass",
        metavar="REASON",
        help="In an emergency: use a grant that is for emergencies alone. Why is kept, and shown with the job.",
        show_default=False,
    ),
]


def duration_to_ms(text: str) -> int:
    """0: the policy's default."""
    if not text:
        return 0
    duration_ms = parse_duration_ms(text)
    if duration_ms > MAX_DURATION_MS:
        raise BadDuration(f"{text} is longer than any job may take: ask for minutes at most")
    return duration_ms


def submit(client: Client, request: JobRequest, terminal: Terminal) -> str:
    """Ask for a job; its id. That it is one that was under way already is told.

    Raises:
        UnknownTool: names those that are alike.
        Refused, BadInput, Unreachable: as :meth:`Client.submit`.
    """
    with _interrupted_means("'fleettrace jobs' tells whether the job was started", terminal):
        try:
            # The same request twice is one job, so that a lost answer costs nothing.
            submitted = retrying(lambda: client.submit(request), FIRST_WAITS_S)
        except UnknownTool:
            known = [offered.name for offered in client.tools()]
            raise unknown_tool(request.tool, known) from None
    if submitted.shared:
        terminal.note(
            "job",
            f"{submitted.job_id} asks the same and is under way: its result is yours too (--no-share runs another)",
        )
    return submitted.job_id


def await_result(client: Client, job_id: str, terminal: Terminal) -> JobResult:
    """Tell of the job until it has ended, and fetch what came of it.

    Raises:
        typer.Exit: the operator left it running.
    """
    follow(client, job_id, terminal)
    told = f"the job has ended, 'fleettrace show {job_id}' has its result"
    with _interrupted_means(told, terminal), fetching(terminal) as waiting:
        return retrying(lambda: waiting.job(client, job_id), WAITS_S)


@contextmanager
def _interrupted_means(what: str, terminal: Terminal) -> Iterator[None]:
    """Say what Ctrl-C leaves behind outside the time in which it asks."""
    try:
        yield
    except KeyboardInterrupt:
        terminal.note("interrupted", what)
        raise typer.Exit(ExitCode.LEFT_RUNNING) from None
