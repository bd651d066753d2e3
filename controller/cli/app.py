"""The command line: its subcommands by what they are for, and what holds for all of them."""

from typing import Annotated

import typer

from controller.cli import plain_help, shell_completion
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
        Entry("tools", "runqlat"),
        Entry("probes", "'sched:*' --on all"),
        Entry("doctor", "--on all"),
    ),
    "Read answers, and hand them on": (
        Entry("jobs"),
        Entry("show", "k3f9q2", "k3f9q2 --host api-3", "k3f9q2 --watch"),
        Entry("compare", "k3f9q2", "k3f9q2 j9d8c7b6a", "k3f9q2 -o hosts.html"),
        Entry("report", "k3f9q2 -o report.html"),
        Entry("flame", "k3f9q2", "k3f9q2 --host api-3 -o flame.html", "k3f9q2 --against j9d8c7b6a -o change.svg"),
        Entry("export", "k3f9q2 --format pprof -o job.pb.gz", "k3f9q2 --format csv --host api-3"),
        Entry("import", "k3f9q2 waits.txt --host db-9 --unit us", module="import_", attribute="import_result"),
        Entry("share", "k3f9q2 --with storage"),
        Entry("cancel", "k3f9q2", "--all"),
    ),
    "Hosts": (
        Entry("hosts"),
        Entry("install", "--on ssh://root@api-1,ssh://root@api-2 --label role=api", "--inventory fleet.toml"),
        Entry("upgrade", "--inventory fleet.toml"),
        Entry("uninstall", "--on ssh://root@api-1"),
        Entry("tunnel", "--on ssh://root@edge-1 --dial 10.0.0.1:7070 --stream 10.0.0.1:7071"),
        Entry("wheelhouse", "packages --arch x86_64 --python 3.11"),
        Entry("token"),
    ),
    "Who may do what, and who did": (
        Entry("login", "--controller controller.example:7070 --ca authority.pem"),
        Entry("logout", module="login"),
        Entry("whoami", module="login"),
        Entry("operator"),
        Entry("policy"),
        Entry("approve", "k3f9q2"),
        Entry("deny", "k3f9q2 --reason 'at the peak of the day'", module="approve"),
        Entry("approver"),
        Entry("audit"),
    ),
    "The controller": (
        Entry(
            "serve",
            "--db fleet.db --listen unix:/run/fleettrace.sock",
            "--db fleet.db --listen 0.0.0.0:7070 --listen-agents 0.0.0.0:7071 --ca ca --policy policy.toml",
        ),
        Entry("ca"),
        Entry("order-key"),
    ),
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


plain_help.use()
shell_completion.use()


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass
