"""``fleettrace import``."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from controller.cli.completing import complete_host, complete_job
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect, local_user
from controller.cli.terminal import Terminal
from controller.imports import MAX_IMPORT_BYTES, Expected, TextFormat, parse_import
from controller.report.json import imported_document
from fleettrace.errors import BadInput
from fleettrace.model.names import parse_duration_ms

__all__ = ["import_result"]

STDIN = "-"


def import_result(
    job: Annotated[
        str,
        typer.Argument(metavar="JOB", help="The job, which has ended, to add it to.", autocompletion=complete_job),
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The text that the tool printed; `-`: stdin.")],
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="The host that it was measured on.", show_default=False)
    ],
    *,
    form: Annotated[
        TextFormat | None,
        typer.Option("--format", help="Default: what the text looks like.", show_default=False),
    ] = None,
    unit: Annotated[
        str, typer.Option("--unit", metavar="UNIT", help="Of the values, where the text does not say.")
    ] = "",
    like: Annotated[
        str,
        typer.Option(
            "--like",
            metavar="HOST",
            help="A host of its class, where the job has several.",
            autocompletion=complete_host,
        ),
    ] = "",
    window: Annotated[
        str, typer.Option("--window", metavar="DURATION", help="For how long it was measured; without it no rate.")
    ] = "",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Add what was measured by hand on one more host to a job, to compare it with the others.

    Takes folded stacks, and histograms as BCC, libbpf-tools and bpftrace print them. It is kept as a part of its own
    and shown as imported wherever it counts; docs/exports.md says what can be told of a text that is not whole.
    """
    data = _read(file)
    window_ms = parse_duration_ms(window) if window else 0
    terminal = Terminal(as_json=as_json)
    with connect(controller) as client:
        expected = Expected.of(client.totals(job).merged)
        snapshot = parse_import(data, expected, form, unit)
        host_class, events = client.import_part(
            job, host, snapshot, like=like, window_ms=window_ms, operator=local_user(), origin=Path(file).name
        )
    told = f"{host}: {events:,} events are now beside job {job}, as of class {host_class}: 'fleettrace compare {job}'"
    terminal.show(Text(told), imported_document(job, host, host_class, events))
    return ExitCode.OK


def _read(file: str) -> bytes:
    """At most a little more than may be imported."""
    try:
        if file == STDIN:
            return sys.stdin.buffer.read(MAX_IMPORT_BYTES + 1)
        with Path(file).open("rb") as stream:
            return stream.read(MAX_IMPORT_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}): check its path and its permissions") from error
