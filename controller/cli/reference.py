"""docs/cli.md, from the commands themselves: ``python -m controller.cli.reference > docs/cli.md``."""

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from controller.cli.app import PROGRAM, app
from controller.cli.exit_codes import ExitCode

__all__ = ["reference"]

_OPENING = """\
<!-- Generated from the commands by `python -m controller.cli.reference`; a test compares. -->
# The command line

Data comes on stdout, everything else on stderr. `--json` makes stdout one document of [json.md](json.md) and nothing
else. An error is one sentence on stderr, `fleettrace: ...`, with the way out.

| variable | for |
|---|---|
| FLEETTRACE_CONTROLLER | `--controller` of every command that reaches one |
| FLEETTRACE_TEAM | `--team` of `run` |
| FLEETTRACE_DEBUG | 1: a traceback with each error |
| XDG_CONFIG_HOME | where `fleettrace/login.json` is kept (`~/.config`) |
| NO_COLOR, COLUMNS | no colours; the width of the text |

## Exit codes

| code | meaning |
|---|---|
"""


def reference() -> str:
    """The whole page, in Markdown."""
    codes = "".join(f"| {code.value} | {code.told()} |\n" for code in ExitCode)
    command = get_command(app)
    context = typer.Context(command, help_option_names=command.context_settings["help_option_names"])
    commands = get_docs_for_click(obj=command, ctx=context, name=PROGRAM, indent=1)
    return f"{_OPENING}{codes}\n{commands.strip()}\n"


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
