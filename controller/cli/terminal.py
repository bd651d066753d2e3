"""Where a command writes: data on stdout, everything else on stderr."""

import json
import os
import sys
from typing import Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from controller.cli.exit_codes import ExitCode
from controller.report.text import Safe, clean
from controller.report.text.lines import LABEL_CELLS, labelled

__all__ = ["Terminal", "end_on_closed_pipe", "give_up_stdout", "say_error"]


class _PipeConsole(Console):
    """A console that ends the command quietly when its reader is gone."""

    def on_broken_pipe(self) -> None:
        """Called by rich."""
        end_on_closed_pipe()


class Terminal:
    """The two streams of one command. ``as_json``: stdout is for one JSON document alone."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = _PipeConsole(highlight=False, markup=False)
        self.err = _PipeConsole(stderr=True, highlight=False, markup=False)

    def show(self, text: RenderableType, document: dict[str, Any]) -> None:
        """Write the result in the form that was asked for."""
        if not self.as_json:
            self._print(Safe(text))
            return
        try:
            sys.stdout.write(json.dumps(document) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            end_on_closed_pipe()

    def _print(self, text: RenderableType) -> None:
        if self.out.is_terminal:
            self.out.print(text)
            return
        # A ticket or a file has no use for the blanks that fill a line of a terminal.
        with self.out.capture() as captured:
            self.out.print(text)
        lines = "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
        self.out.print(Text(lines), end="", soft_wrap=True)

    def say(self, line: str, document: dict[str, Any]) -> None:
        """The same of one line that others may read: in one piece, whatever the width."""
        if self.as_json:
            self.show("", document)
        else:
            self.out.print(Safe(Text(line)), soft_wrap=True)

    def note(self, label: str, text: str | Text) -> None:
        """Write a line about what goes on: wrapped for a person, in one piece for a log."""
        if self.err.is_terminal:
            self.err.print(Safe(labelled([(label, text)])))
        else:
            self.err.print(Safe(Text(f"{label:<{LABEL_CELLS}} ").append(text)), soft_wrap=True)

    def separate(self) -> None:
        """An empty line between what went on and the result, where one person sees both."""
        if self.err.is_terminal and not self.as_json:
            self.err.print()


def say_error(sentence: str) -> None:
    """Write ``fleettrace: <sentence>``, in one line, whatever the width."""
    sys.stderr.write(f"fleettrace: {clean(sentence.replace(chr(10), ' '))}\n")


def end_on_closed_pipe() -> NoReturn:
    """Leave quietly: whoever read stdout is gone."""
    give_up_stdout()
    raise typer.Exit(ExitCode.PIPE_CLOSED)


def give_up_stdout() -> None:
    """Let what is still to be written go nowhere: the interpreter flushes once more when it ends, and must not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
