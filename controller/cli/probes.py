"""``fleettrace probes``."""

from typing import Annotated

import typer

from controller.cli.asking import collect
from controller.cli.exit_codes import ExitCode
from controller.cli.options import Controller, Json, Selector, connect
from controller.cli.terminal import Terminal
from controller.report.json import probes_document
from controller.report.text import render_probes
from fleettrace.errors import BadInput
from fleettrace.model.inspection import ProbeList, ProbesQuestion
from fleettrace.model.selector import parse_selector

__all__ = ["probes"]

DEFAULT_LIMIT = 50
MAX_PID = 1 << 22
"""PID_MAX_LIMIT of Linux."""


def probes(
    pattern: Annotated[
        str,
        typer.Argument(
            metavar="PATTERN",
            help="A glob such as `'sched:*'`, or a part of a name; without it all.",
            show_default=False,
        ),
    ] = "",
    *,
    on: Selector = "all",
    binary: Annotated[
        str,
        typer.Option("--binary", metavar="PATH", help="Functions and USDT probes of this binary.", show_default=False),
    ] = "",
    pid: Annotated[
        int,
        typer.Option(
            "--pid",
            metavar="PID",
            min=0,
            max=MAX_PID,
            help="The same of this process' program, and the USDT probes of its libraries.",
            show_default=False,
        ),
    ] = 0,
    usdt: Annotated[bool, typer.Option("--usdt", help="USDT probes alone.")] = False,
    each_host: Annotated[
        bool, typer.Option("--each-host", help="Ask every host, and not one of each kernel build and architecture.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Print at most so many; 0: all.")
    ] = DEFAULT_LIMIT,
    as_json: Json = False,
    controller: Controller = "",
) -> int:
    """List the probes that hosts have, with their arguments, and where the hosts differ.

    Tracepoints and raw tracepoints of the kernel, or with --binary or --pid functions and USDT probes, spelt as
    bpftrace spells them. One host of each kernel build and architecture answers for the others, unless --each-host is
    given.
    """
    if usdt and not binary and not pid:
        raise BadInput("--usdt lists probes of a binary or a process: give --binary PATH or --pid PID as well")
    selector = parse_selector(on)
    terminal = Terminal(as_json=as_json)
    about = ProbesQuestion(pattern, binary, pid, usdt)
    with connect(controller) as client:
        stream = client.ask_hosts(selector.text, about, one_of_each_kernel=not each_host)
        asked, answers = collect(stream, terminal)
    terminal.separate()
    shown = render_probes(asked, answers, pattern, limit, of_programs=bool(binary or pid))
    terminal.show(shown, probes_document(asked, answers))
    whole = all(isinstance(answer.finding, ProbeList) for answer in answers)
    return ExitCode.OK if whole else ExitCode.HOSTS_MISSING
