"""``fleettrace policy``: what a policy says, before and while it is in force."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from controller.cli.exit_codes import ExitCode
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
from controller.cli.submitting import Duration, duration_to_ms
from controller.cli.terminal import Terminal
from controller.client import JobRequest
from controller.policy_files import check_file, compare_files, explain_file
from controller.report.json import (
    policy_answer_document,
    policy_check_document,
    policy_difference_document,
    policy_reloaded_document,
)
from controller.report.text import render_policy_answer, render_policy_check, render_policy_difference
from fleettrace.errors import BadInput

__all__ = ["policy"]

policy = typer.Typer(
    no_args_is_help=True, help="Check a policy file, ask why something is allowed, see what a change of it would do."
)

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy (TOML); docs/policy.md.")]


@policy.command()
def check(file: PolicyFile, *, as_json: Json = False) -> int:
    """Read a policy file and ask it its own tests; a test that fails makes the exit code 1."""
    checked = check_file(file)
    Terminal(as_json=as_json).show(render_policy_check(checked), policy_check_document(checked))
    return ExitCode.OK if checked.passed else ExitCode.DIFFERENT


@policy.command()
def explain(
    tool: ToolName = "",
    given: Params = None,
    *,
    on: Selector,
    program: Program = None,
    param: Param = None,
    duration: Duration = "",
    break_glass: Annotated[
        str,
        typer.Option("--break-glass", metavar="REASON", help="Ask as in an emergency.", show_default=False),
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Ask this policy file, without a controller: about one host.",
            show_default=False,
        ),
    ] = None,
    team: Team = "",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Say whether a team may run something and by which rule, or what is missing and who can give it.

    Takes what `run` takes, so that `policy explain` in the place of `run` asks about the same job, and starts nothing.
    The answer is the controller's, for the hosts that it knows, or that of a file. A denial makes the exit code 3.
    """
    if bool(tool) == (program is not None):
        raise BadInput("what is asked about? Name a tool, or give a program with -e: one of the two")
    params, duration_ms = parse_params([*(given or ()), *(param or ())]), duration_to_ms(duration)
    text = read_program(program) if program is not None else ""
    if file is not None:
        answer = explain_file(
            file,
            team or "default",
            text or tool,
            on,
            program=bool(text),
            params=params,
            duration_ms=duration_ms,
            break_glass=break_glass,
        )
    else:
        request = JobRequest(
            tool=tool,
            selector=on,
            request_id="",
            duration_ms=duration_ms,
            params=params,
            team=team,
            operator=local_user(),
            program=text,
            break_glass=break_glass,
        )
        with connect(controller) as client:
            answer = client.explain_policy(request)
    Terminal(as_json=as_json).show(render_policy_answer(answer), policy_answer_document(answer))
    return ExitCode.REFUSED if answer.verdict == "denied" else ExitCode.OK


@policy.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The policy that holds.", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The policy that is to hold.", show_default=False)],
    *,
    as_json: Json = False,
) -> int:
    """Say which decisions change from one policy file to another, and which of them are widened.

    Every team, tool and kind of host that either file names is asked about in both. Changes make the exit code 1.
    """
    found = compare_files(old, new)
    Terminal(as_json=as_json).show(render_policy_difference(found), policy_difference_document(found))
    return ExitCode.DIFFERENT if found.changes else ExitCode.OK


@policy.command()
def reload(*, as_json: Json = False, controller: Controller = "") -> int:
    """Have the controller read its policy file again, as SIGHUP does; takes an administrator.

    Jobs that it no longer grants are stopped at once, with their parts kept. A file that cannot be used, or whose tests
    fail, is refused, and the old policy holds.
    """
    with connect(controller) as client:
        origin, version, before, stopped = client.reload_policy(local_user())
    told = f"policy {version} from {origin} holds" + (f", instead of {before}" if before != version else ", as before")
    if stopped:
        told += f"; it does not grant {', '.join(stopped)}, which {'was' if len(stopped) == 1 else 'were'} told to stop"
    document = policy_reloaded_document(origin, version, before, stopped)
    Terminal(as_json=as_json).show(Text(told), document)
    return ExitCode.OK
