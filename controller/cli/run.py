"""``fleettrace run``."""

import secrets
from typing import Annotated

import typer
from rich.text import Text

from controller.cli.exit_codes import ExitCode, exit_code_of
from controller.cli.options import (
    Controller,
    Json,
    Param,
    Params,
    Program,
    Selector,
    Team,
    ToolName,
    connect,
    local_user,
    parse_params,
)
from controller.cli.program import read_program
from controller.cli.submitting import BreakGlass, Canary, Duration, Urgency, await_result, duration_to_ms, submit
from controller.cli.terminal import Terminal
from controller.client import JobRequest
from controller.report.json import job_document, submitted_document
from controller.report.text import render_job
from fleettrace.errors import BadInput
from fleettrace.model.job import Priority
from fleettrace.model.selector import parse_selector

__all__ = ["run"]


def run(
    tool: ToolName = "",
    given: Params = None,
    *,
    on: Selector,
    program: Program = None,
    duration: Duration = "",
    canary: Canary = "",
    param: Param = None,
    promote: Annotated[
        bool,
        typer.Option(
            "--promote", help="Go on when the gate says hold (too quiet to judge, losses, a full map); recorded."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Ask policy and the canaries only, and print what the job would cost on each host."
        ),
    ] = False,
    despite_aborts: Annotated[
        bool,
        typer.Option(
            "--despite-aborts",
            help="Run it although it was aborted too often; a grant must allow it, and it is recorded.",
        ),
    ] = False,
    priority: Urgency = Priority.ROUTINE,
    class_label: Annotated[
        list[str] | None,
        typer.Option(
            "--class-label",
            metavar="LABEL",
            help="Hosts that differ in this label are of different kinds, each with its canary; repeat for more.",
        ),
    ] = None,
    no_share: Annotated[
        bool, typer.Option("--no-share", help="Run a job of its own, also where an identical one is under way.")
    ] = False,
    break_glass: BreakGlass = "",
    detach: Annotated[bool, typer.Option("--detach", help="Print the id of the job and do not wait for it.")] = False,
    as_json: Json = False,
    team: Team = "",
    controller: Controller = "",
) -> int:
    """Run a tool or one-liner on many hosts, canary first.

    A frequency check on the canary of each kind of host decides whether the job goes on, in waves. The answer is one
    merged result and the host that stands out.

    What goes on is told on stderr as it happens, the result comes on stdout. Ctrl-C asks whether to cancel the job, to
    leave it running or to go on.
    """
    if bool(tool) == (program is not None):
        raise BadInput(
            f"both {tool} and a program are given: leave one of them out"
            if tool
            else "what is to be run? Name a tool ('fleettrace tools' lists them), or give a program with -e"
        )
    selector = parse_selector(on)
    params = parse_params([*(given or ()), *(param or ())])
    duration_ms = duration_to_ms(duration)
    terminal = Terminal(as_json=as_json)
    with connect(controller) as client:
        request = JobRequest(
            tool=tool,
            selector=selector.text,
            request_id=secrets.token_hex(16),
            duration_ms=duration_ms,
            canary=canary,
            promote=promote,
            params=params,
            team=team,
            operator=local_user(),
            despite_aborts=despite_aborts,
            dry_run=dry_run,
            break_glass=break_glass,
            program=read_program(program) if program is not None else "",
            priority=priority.value,
            no_share=no_share,
            class_labels=class_label or (),
        )
        job_id = submit(client, request, terminal)
        if detach:
            terminal.show(Text(job_id), submitted_document(job_id))
            return ExitCode.OK
        result = await_result(client, job_id, terminal)
    terminal.separate()
    terminal.show(render_job(result, decisions=False), job_document(result))
    return exit_code_of(result)
