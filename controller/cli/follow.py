"""Following a job on stderr until it has ended, and what Ctrl-C does meanwhile."""

import sys
from enum import StrEnum

import typer
from rich.live import Live
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.cli.narration import Narration
from controller.cli.options import local_user
from controller.cli.retry import WAITS_S
from controller.cli.terminal import Terminal
from controller.cli.watching import Interrupted, Watching
from controller.client import Client
from controller.report.text import Progress
from fleettrace.model.job import Job

__all__ = ["Choice", "ask", "follow"]


class Choice(StrEnum):
    """What Ctrl-C can mean; the first letter is the answer."""

    CANCEL = "c"
    LEAVE = "l"
    GO_ON = "g"


def follow(client: Client, job_id: str, terminal: Terminal) -> None:
    """Tell of the job until it has ended.

    Raises:
        typer.Exit: the operator left it running.
        Unreachable: the controller went away and did not come back in time.
    """
    narration = Narration()
    with Watching(client, job_id, WAITS_S) as watching:
        while True:
            with watching.interrupts():
                if _tell(watching, terminal, narration):
                    return
            choice = ask(terminal, job_id)
            if choice is Choice.LEAVE:
                terminal.note("job", f"{job_id} goes on: 'fleettrace show {job_id}', 'fleettrace cancel {job_id}'")
                raise typer.Exit(ExitCode.LEFT_RUNNING)
            if choice is Choice.CANCEL:
                client.cancel(job_id, local_user())


def ask(terminal: Terminal, job_id: str) -> Choice:
    """Ask what to do; without a person to ask, and when there is no answer, the job is left running."""
    if not sys.stdin.isatty():
        return Choice.LEAVE
    question = Text(f"\njob {job_id} still runs: [c]ancel it, [l]eave it running, [g]o on watching? ", "bold")
    while True:
        try:
            terminal.err.print(question, end="")
            # The prompt is not input()'s own, which would write it to stdout.
            answer = input().strip().lower()
        except (KeyboardInterrupt, EOFError):
            terminal.err.print()
            return Choice.LEAVE
        for choice in Choice:
            if answer[:1] == choice.value:
                return choice


def _tell(watching: Watching, terminal: Terminal, narration: Narration) -> bool:
    """Tell of what comes; True once the job has ended, False on Ctrl-C."""
    with Live(
        console=terminal.err, transient=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
    ) as live:
        for item in watching.items():
            match item:
                case Interrupted():
                    return False
                case str():
                    terminal.note("controller", item)
                case Job():
                    for label, text in narration.new_lines(item):
                        terminal.note(label, text)
                    if terminal.err.is_terminal and not item.state.ended:
                        live.update(Progress(item), refresh=True)
    return True
