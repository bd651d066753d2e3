"""``fleettrace compare``."""

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.completing import complete_job
from controller.cli.exit_codes import ExitCode
from controller.cli.fetching import fetching
from controller.cli.options import Controller, Json, connect
from controller.cli.output import Output, note_unfinished, write_output
from controller.cli.terminal import Terminal
from controller.client import Client
from controller.report.before_after import before_and_after
from controller.report.html.comparison import render_before_after_page, render_comparison_page
from controller.report.json import changes_document, comparison_document
from controller.report.text import render_before_after, render_comparison

__all__ = ["compare"]


def compare(
    job: Annotated[
        str,
        typer.Argument(
            metavar="JOB",
            help="The job whose hosts are compared; of two, the earlier one.",
            autocompletion=complete_job,
        ),
    ],
    later: Annotated[
        str,
        typer.Argument(
            metavar="LATER",
            help="The later job: before and after.",
            autocompletion=complete_job,
            show_default=False,
        ),
    ] = "",
    output: Output = None,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Compare a job's hosts with each other, or two jobs.

    With one job: who differs from the others, in the order of how far, with the numbers that say so. With two jobs of
    one tool: what has changed in between, host by host. `-o FILE.html` writes a page with the pictures; of stacks a
    differential flame graph. docs/reading.md says how it is done, and how often it is wrong.
    """
    terminal = Terminal(as_json=as_json)
    with connect(controller) as client:
        if later:
            _two(client, (job, later), output, terminal)
        else:
            _one(client, job, output, terminal)
    return ExitCode.OK


def _one(client: Client, job: str, output: Path | None, terminal: Terminal) -> None:
    with fetching(terminal) as waiting:
        result = waiting.job(client, job)
        page = "" if output is None else render_comparison_page(result)
        text = render_comparison(result)
        document = comparison_document(result) if terminal.as_json else {}
    note_unfinished(result.job, terminal)
    if output is not None:
        write_output(page.encode(), output, terminal)
    if output is None or terminal.as_json:
        terminal.show(text, document)


def _two(client: Client, jobs: tuple[str, str], output: Path | None, terminal: Terminal) -> None:
    with fetching(terminal) as waiting:
        before, after = (waiting.job(client, job) for job in jobs)
        pair = before_and_after(before, after)
        page = "" if output is None else render_before_after_page(pair)
    for result in (before, after):
        note_unfinished(result.job, terminal)
    if before.job.spec.created_at_ms > after.job.spec.created_at_ms:
        terminal.note("order", f"{jobs[0]} is the later one: it is taken for the one before all the same")
    if before.job.spec.params != after.job.spec.params:
        terminal.note("params", "the jobs were run with different parameters, which may be what differs")
    if output is not None:
        write_output(page.encode(), output, terminal)
    if output is None or terminal.as_json:
        terminal.show(render_before_after(pair), changes_document(pair))
