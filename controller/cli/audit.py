"""``fleettrace audit``: who decided what, and whether the log of it is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from controller.audit.chain import entry_of
from controller.audit.lines import line_of
from controller.cli.audit_sources import all_records, verified
from controller.cli.completing import complete_host
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, connect
from controller.cli.output import Output, write_lines
from controller.cli.terminal import Terminal
from controller.cli.times import ago_ms
from controller.report.json import audit_document, audit_head_document, audit_verified_document
from controller.report.text import render_audit
from fleettrace.model.audit import AuditFilter, AuditHead

__all__ = ["audit"]

MAX_NUMBER = (1 << 63) - 1
"""Of an entry, as the database counts; before a larger one are all that there are."""

audit = typer.Typer(no_args_is_help=True, help="Show who decided what, and make sure that the log of it is whole.")

OfTeam = Annotated[str, typer.Option("--team", metavar="TEAM", help="What is about this team's jobs and rights.")]
AboutHost = Annotated[
    str,
    typer.Option("--host", metavar="HOST", help="What is about this host.", autocompletion=complete_host),
]
OfKind = Annotated[
    str, typer.Option("--kind", metavar="KIND", help="Such as `job.policy`, or all that begins with a word: `job`.")
]
Since = Annotated[
    str,
    typer.Option("--since", metavar="WHEN", help="How long ago (`2h`), or a time in UTC (`2026-11-26T03:00`)."),
]


@audit.command("list")
def list_entries(
    team: OfTeam = "",
    host: AboutHost = "",
    kind: OfKind = "",
    since: Since = "",
    *,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, metavar="N", help="How many, counted from the newest.")
    ] = 50,
    before: Annotated[
        int,
        typer.Option(
            "--before",
            min=0,
            metavar="NUMBER",
            help="Only entries before this one: the next page.",
            show_default=False,
        ),
    ] = 0,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """List decisions, the newest first."""
    wanted = _filter(team, host, kind, since)
    with connect(controller) as client:
        page = client.audit_page(wanted, cursor=min(before, MAX_NUMBER), limit=limit)
    entries = [(record.number, entry_of(record)) for record in page.records]
    Terminal(as_json=as_json).show(render_audit(entries, page.next), audit_document(entries, page.next))
    return ExitCode.OK


@audit.command()
def head(as_json: Json = False, controller: Controller = "") -> int:
    """Print the newest entry's number and hash, to be kept elsewhere for `audit verify --expect`."""
    with connect(controller) as client:
        newest = client.audit_page(AuditFilter(), limit=1).head
    Terminal(as_json=as_json).say(str(newest), audit_head_document(newest))
    return ExitCode.OK


@audit.command()
def verify(
    db: Annotated[
        Path | None,
        typer.Option("--db", metavar="FILE", help="A database, or a copy of one, instead of a controller's."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="What `audit export` wrote, instead.")
    ] = None,
    expect: Annotated[
        str,
        typer.Option(
            "--expect", metavar="NUMBER:HASH", help="A head that was kept elsewhere: shows whether the end was cut off."
        ),
    ] = "",
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """Make sure that no entry was changed, put in or taken away; the first that is wrong is named."""
    terminal = Terminal(as_json=as_json)
    expected = AuditHead.parse(expect) if expect else None
    newest, database_id = verified(terminal, db=db, export=export, controller=controller, expected=expected)
    up_to = f"; entry {expected.number} is the one that was kept" if expected is not None else ""
    entries = "1 entry" if newest.number == 1 else f"{newest.number:,} entries"
    text = f"whole: {entries} of database {database_id}, head {newest}{up_to}"
    terminal.say(text, audit_verified_document(newest, database_id, expected))
    return ExitCode.OK


@audit.command("export")
def export_entries(
    team: OfTeam = "",
    host: AboutHost = "",
    kind: OfKind = "",
    since: Since = "",
    *,
    output: Output = None,
    controller: Controller = "",
) -> int:
    """Write decisions as JSON lines, the oldest first; of the whole log, `audit verify --export` can read them."""
    wanted = _filter(team, host, kind, since)

    def lines() -> Iterator[bytes]:
        with connect(controller) as client:
            for record in all_records(client, wanted):
                yield line_of(record)

    write_lines(lines(), output, Terminal())
    return ExitCode.OK


def _filter(team: str, host: str, kind: str, since: str) -> AuditFilter:
    return AuditFilter((team,) if team else (), host, kind, ago_ms(since) if since else 0)
