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

_ASK = "Ask the fleet"
_ANSWERS = "Read answers, and hand them on"
_HOSTS = "Hosts"
_ACCESS = "Who may do what, and who did"
_CONTROLLER = "The controller"


def _ends_with(command: str, *examples: str) -> str:
    """How a command is used, and the exit codes that it alone has a meaning for, as its help ends."""
    codes = "".join(f"\n- `{code.value}` {told}" for code in ExitCode if (told := code.told_of(command)))
    used = "".join(f"\n- `{PROGRAM} {command} {example}`" for example in examples)
    return (f"Examples:\n{used}\n\n" if used else "") + f"Exit codes:\n{codes}"


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


app.command(
    rich_help_panel=_ASK,
    epilog=_ends_with(
        "run",
        "runqlat --on role=api --for 5s",
        "syscount latency=true -p comm=nginx --on 'api-*,zone!=b'",
        "biosnoop --on all --dry-run",
        "-e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }' --on role=api --for 5s",
    ),
)(run)
app.command(
    rich_help_panel=_ASK,
    epilog=_ends_with("find-outlier", "runqlat --on role=api --for 5s", "biolatency --on all --json"),
)(find_outlier)
app.command(rich_help_panel=_ASK)(tools)
app.command(rich_help_panel=_ASK, epilog=_ends_with("probes", "'sched:*' --on all"))(probes)
app.command(rich_help_panel=_ASK, epilog=_ends_with("doctor", "--on all"))(doctor)

app.command(rich_help_panel=_ANSWERS)(jobs)
app.command(rich_help_panel=_ANSWERS)(show)
app.command(rich_help_panel=_ANSWERS)(compare)
app.command(rich_help_panel=_ANSWERS)(report)
app.command(rich_help_panel=_ANSWERS)(flame)
app.command(rich_help_panel=_ANSWERS)(export)
app.command("import", rich_help_panel=_ANSWERS)(import_result)
app.command(rich_help_panel=_ANSWERS)(share)
app.command(rich_help_panel=_ANSWERS)(cancel)

app.add_typer(hosts, name="hosts", rich_help_panel=_HOSTS)
app.command(rich_help_panel=_HOSTS, epilog=_ends_with("install"))(install)
app.command(rich_help_panel=_HOSTS, epilog=_ends_with("upgrade"))(upgrade)
app.command(rich_help_panel=_HOSTS, epilog=_ends_with("uninstall"))(uninstall)
app.command(rich_help_panel=_HOSTS)(tunnel)
app.command(rich_help_panel=_HOSTS)(wheelhouse)
app.add_typer(token, name="token", rich_help_panel=_HOSTS)

app.command(rich_help_panel=_ACCESS)(login)
app.command(rich_help_panel=_ACCESS)(logout)
app.command(rich_help_panel=_ACCESS)(whoami)
app.add_typer(operator, name="operator", rich_help_panel=_ACCESS)
app.add_typer(policy, name="policy", rich_help_panel=_ACCESS)
app.command(rich_help_panel=_ACCESS)(approve)
app.command(rich_help_panel=_ACCESS)(deny)
app.add_typer(approver, name="approver", rich_help_panel=_ACCESS)
app.add_typer(audit, name="audit", rich_help_panel=_ACCESS)

app.command(rich_help_panel=_CONTROLLER, epilog=_ends_with("serve"))(serve)
app.add_typer(ca, name="ca", rich_help_panel=_CONTROLLER)
app.add_typer(order_key, name="order-key", rich_help_panel=_CONTROLLER)
