"""The command line: its subcommands and what holds for all of them."""

from typing import Annotated

import typer

from controller.cli.approve import approve, deny
from controller.cli.approver import approver
from controller.cli.audit import audit
from controller.cli.ca import ca
from controller.cli.cancel import cancel
from controller.cli.compare import compare
from controller.cli.doctor import doctor
from controller.cli.exit_codes import ExitCode
from controller.cli.export import export
from controller.cli.find_outlier import find_outlier
from controller.cli.flame import flame
from controller.cli.hosts import hosts
from controller.cli.import_ import import_result
from controller.cli.install import install
from controller.cli.jobs import jobs
from controller.cli.login import login, logout, whoami
from controller.cli.operator import operator
from controller.cli.order_key import order_key
from controller.cli.policy import policy
from controller.cli.probes import probes
from controller.cli.report import report
from controller.cli.run import run
from controller.cli.serve import serve
from controller.cli.share import share
from controller.cli.show import show
from controller.cli.token import token
from controller.cli.tools import tools
from controller.cli.tunnel import tunnel
from controller.cli.uninstall import uninstall
from controller.cli.upgrade import upgrade
from controller.cli.wheelhouse import wheelhouse
from fleettrace import __version__

__all__ = ["PROGRAM", "app"]

PROGRAM = "fleettrace"

_EXIT_CODES = "Exit codes:\n\n" + "\n".join(f"- `{code.value}` {code.meaning}" for code in ExitCode)

app = typer.Typer(
    name=PROGRAM,
    help="Trace a whole fleet with bounded eBPF jobs: canary first, one merged answer, the outlier named.",
    epilog="Every command but `serve` and `ca` finds the controller by `--controller`, FLEETTRACE_CONTROLLER, "
    "or where you logged in.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


app.command()(serve)
app.add_typer(hosts, name="hosts")
app.command(epilog=_EXIT_CODES)(doctor)
app.command()(probes)
app.command()(tools)
app.command(epilog=_EXIT_CODES)(run)
app.command(epilog=_EXIT_CODES)(find_outlier)
app.command()(jobs)
app.command()(show)
app.command()(compare)
app.command()(report)
app.command()(flame)
app.command()(export)
app.command("import")(import_result)
app.command()(cancel)
app.add_typer(audit, name="audit")
app.add_typer(approver, name="approver")
app.add_typer(order_key, name="order-key")
app.command()(share)
app.add_typer(ca, name="ca")
app.add_typer(token, name="token")
app.add_typer(operator, name="operator")
app.command()(login)
app.command()(logout)
app.command()(whoami)
app.command()(install)
app.command()(upgrade)
app.command()(uninstall)
app.command()(tunnel)
app.command()(wheelhouse)
app.command()(approve)
app.command()(deny)
app.add_typer(policy, name="policy")
