"""From the command line to an exit code; the one place where errors become sentences."""

import errno
import os
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.main import get_command

from controller.cli.app import PROGRAM, app
from controller.cli.exit_codes import ExitCode
from controller.cli.terminal import give_up_stdout, say_error
from fleettrace.errors import BadInput, FleettraceError, Refused

__all__ = ["main"]

DEBUG_VARIABLE = "FLEETTRACE_DEBUG"
"""Set to 1, every error comes with its traceback."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Errors are one sentence on stderr."""
    if sys.stdout is None:
        return _failed("standard output is closed: open it, or send it to /dev/null", BadInput.exit_code)
    try:
        code = get_command(app).main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
        return code if isinstance(code, int) else ExitCode.OK
    except FleettraceError as error:
        return _failed(_sentence(error), error.exit_code)
    except typer.TyperException as error:
        return _failed(_usage(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", ExitCode.LEFT_RUNNING)
    except OSError as error:
        if error.errno not in _FULL:
            return _unexpected(error)
        give_up_stdout()
        sentence = f"the output cannot be written ({error.strerror}): make room, or write it elsewhere"
        return _failed(sentence, BadInput.exit_code)
    except Exception as error:  # noqa: BLE001  the last resort before a traceback would reach a user
        return _unexpected(error)


def _unexpected(error: Exception) -> int:
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
    message = error.format_message().replace(": Value error, ", ": ").rstrip(".")
    see = f"see '{command} --help'"
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{message} {see.capitalize()}" if message.endswith("?") else f"{message}: {see}"
