"""The command line: its subcommands by what they are for, and what holds for all of them."""

from typing import Annotated

import typer

from controller.cli import shell_completion
from controller.cli.lazy import Entry, lazy_group
from fleettrace import __version__

__all__ = ["PROGRAM", "app"]

PROGRAM = "fleettrace"

_PANELS = {
    "Ask the fleet": (
        Entry(
            "run",
            "runqlat --on role=api --for 5s",
            "syscount latency=true -p comm=nginx --on 'api-*,zone!=b'",
            "biosnoop --on all --dry-run",
            "-e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }' --on role=api --for 5s",
        ),
        Entry("find-outlier", "runqlat --on role=api --for 5s", "biolatency --on all --json"),
        Entry("tools"),
        Entry("probes", "'sched:*' --on all"),
        Entry("doctor", "--on all"),
    ),
    "Read answers, and hand them on": (
        Entry("jobs"),
        Entry("show"),
        Entry("compare"),
        Entry("report"),
        Entry("flame"),
        Entry("export"),
        Entry("import", module="import_", attribute="import_result"),
        Entry("share"),
        Entry("cancel"),
    ),
    "Hosts": (
        Entry("hosts"),
        Entry("install"),
        Entry("upgrade"),
        Entry("uninstall"),
        Entry("tunnel"),
        Entry("wheelhouse"),
        Entry("token"),
    ),
    "Who may do what, and who did": (
        Entry("login"),
        Entry("logout", module="login"),
        Entry("whoami", module="login"),
        Entry("operator"),
        Entry("policy"),
        Entry("approve"),
        Entry("deny", module="approve"),
        Entry("approver"),
        Entry("audit"),
    ),
    "The controller": (Entry("serve"), Entry("ca"), Entry("order-key")),
}

app = typer.Typer(
    name=PROGRAM,
    cls=lazy_group(_PANELS, PROGRAM),
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


shell_completion.use()


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass
