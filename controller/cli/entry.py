"""From the command line to an exit code; the one place where errors become sentences."""

import os
import traceback
from collections.abc import Sequence

import typer
from typer.main import get_command

from controller.cli.app import PROGRAM, app
from controller.cli.exit_codes import ExitCode
from controller.cli.terminal import say_error
from fleettrace.errors import FleettraceError, Refused

__all__ = ["main"]

DEBUG_VARIABLE = "FLEETTRACE_DEBUG"
"""Set to 1, every error comes with its traceback."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Errors are one sentence on stderr."""
    try:
        code = get_command(app).main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.OK
    except FleettraceError as error:
        return _failed(_sentence(error), error.exit_code)
    except typer.TyperException as error:
        return _failed(_usage(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", ExitCode.LEFT_RUNNING)
    except Exception as error:  # noqa: BLE001  the last resort before a traceback would reach a user
        sentence = f"unexpected {type(error).__name__}: {error}; {DEBUG_VARIABLE}=1 shows where it came from"
        return _failed(sentence, ExitCode.INTERNAL)


def _failed(sentence: str, code: int) -> int:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exc()
    if sentence:
        say_error(sentence)
    return code


def _sentence(error: FleettraceError) -> str:
    if isinstance(error, Refused) and error.rule and error.rule not in str(error):
        return f"{error} (rule: {error.rule})"
    return str(error)


def _usage(error: typer.TyperException) -> str:
    if not error.format_message():
        return ""  # the help that is printed for a bare command says it all
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    return f"{error.format_message().rstrip('.')}: see '{command} --help'"
