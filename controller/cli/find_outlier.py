"""``fleettrace find-outlier``."""

import secrets
from dataclasses import replace
from typing import Annotated

import typer

from controller.analysis.compare import Finding, compare_parts
from controller.analysis.confirm import LEAST_CONTROLS, Claim, claim_of, matched_controls, repeat_of
from controller.analysis.leaks import add_leaking_hosts
from controller.cli.exit_codes import ExitCode, exit_code_of
from controller.cli.options import (
    Controller,
    Json,
    Param,
    Params,
    Selector,
    Team,
    ToolName,
    connect,
    local_user,
    parse_params,
)
from controller.cli.submitting import BreakGlass, Canary, Duration, Urgency, await_result, duration_to_ms, submit
from controller.cli.terminal import Terminal
from controller.client import Client, JobRequest
from controller.report.json import outlier_document
from controller.report.outlier import RUNS, Hunt, LaterRun
from controller.report.text import render_hunt
from fleettrace.model.job import JobResult, JobState, Priority
from fleettrace.model.params import FINE
from fleettrace.model.selector import parse_selector
from fleettrace.snapshot import LOG2
from fleettrace.snapshot.histogram import coarsest

__all__ = ["find_outlier"]

CONFIRMING_FINE = "2"
"""Runs after the scan have so many times finer buckets (2^k an octave), where the tool has any."""


def find_outlier(
    tool: ToolName,
    given: Params = None,
    *,
    on: Selector,
    duration: Duration = "",
    canary: Canary = "",
    param: Param = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Go on when the canary is too quiet to judge; recorded with each job.")
    ] = False,
    priority: Urgency = Priority.ROUTINE,
    break_glass: BreakGlass = "",
    as_json: Json = False,
    team: Team = "",
    controller: Controller = "",
) -> int:
    """Find the host that differs from the others, and make sure of it.

    Runs the tool on all the hosts and compares them. When one stands out, the tool is run again, with finer buckets, on
    that host and on three others of its class with the most similar load, once or twice. It is confirmed when two of
    at most three runs say the same. Every run is a job of its own: canary first, within policy.

    Ctrl-C asks whether to cancel the job that runs, to leave it running or to go on.
    """
    terminal = Terminal(as_json=as_json)
    request = JobRequest(
        tool=tool,
        selector=parse_selector(on).text,
        request_id=secrets.token_hex(16),
        duration_ms=duration_to_ms(duration),
        canary=canary,
        promote=promote,
        priority=priority.value,
        break_glass=break_glass,
        params=parse_params([*(given or ()), *(param or ())]),
        team=team,
        operator=local_user(),
    )
    with connect(controller) as client:
        scan = _run(client, request, terminal)
        if scan.job.state is not JobState.DONE:
            return exit_code_of(scan)
        hunt = _confirm(client, scan, request, terminal)
    terminal.separate()
    terminal.show(render_hunt(hunt), outlier_document(hunt))
    if hunt.verdict == "none":
        whole = exit_code_of(scan)
        return ExitCode.NOBODY_STANDS_OUT if whole is ExitCode.OK else whole
    return ExitCode.OK if hunt.confirmed else ExitCode.NOT_CONFIRMED


def _run(client: Client, request: JobRequest, terminal: Terminal) -> JobResult:
    return await_result(client, submit(client, request, terminal), terminal)


def _confirm(client: Client, scan: JobResult, request: JobRequest, terminal: Terminal) -> Hunt:
    found = add_leaking_hosts(compare_parts(scan.hosts), scan.hosts)
    named = [each.host for each in found if each.verdict.named]
    if not named:
        return Hunt(scan)
    claim, controls = _claim(found[0], scan, named)
    if claim is None:
        return Hunt(scan, obstacle="a course over time is not tried again beside controls: run it again, for longer")
    if len(controls) < LEAST_CONTROLS:
        needs = f"{LEAST_CONTROLS} unsuspected hosts of its class with enough events"
        return Hunt(scan, claim, controls, obstacle=f"to run it again needs {needs}, and there are {len(controls)}")
    hosts = (claim.host, *controls)
    terminal.note("suspect", f"{claim.host} stands out: running again beside {', '.join(controls)}")
    # Another run is other evidence; one that somebody else has under way may have begun before the first one ended.
    # And one of its hosts goes first, whoever did in the scan.
    again = replace(request, selector=",".join(hosts), params=_finer(client, request), no_share=True, canary="")
    hunt = Hunt(scan, claim, controls)
    while not hunt.decided:
        terminal.note("again", f"run {2 + len(hunt.later)} of at most {RUNS}")
        later = _later(claim, _run(client, replace(again, request_id=secrets.token_hex(16)), terminal))
        terminal.note("again", f"{'it stands out again' if later.held else 'not again'}: {later.told}")
        hunt = replace(hunt, later=(*hunt.later, later))
    return hunt


def _claim(found: Finding, scan: JobResult, named: list[str]) -> tuple[Claim | None, tuple[str, ...]]:
    claim = claim_of(found, scan.hosts, named)
    return claim, () if claim is None else matched_controls(claim, scan.hosts, named)


def _finer(client: Client, request: JobRequest) -> dict[str, str]:
    offered = next((tool for tool in client.tools() if tool.name == request.tool), None)
    can = offered is not None and any(param.name == FINE.name for param in offered.params)
    return {FINE.name: CONFIRMING_FINE, **request.params} if can else dict(request.params)


def _later(claim: Claim, result: JobResult) -> LaterRun:
    job = result.job
    scheme = coarsest(own.scheme for own in result.merged.histograms) if result.merged.histograms else LOG2
    if job.state is not JobState.DONE:
        reason = f"its job ended as {job.state.value}" + (f": {job.reason}" if job.reason else "")
        return LaterRun(job.spec.job_id, scheme, None, reason)
    return LaterRun(job.spec.job_id, scheme, repeat_of(claim, result.hosts))
