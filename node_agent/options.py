"""The options of the agent's command."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from fleettrace import __version__
from fleettrace.errors import BadInput
from node_agent import guard
from node_agent.identity.entering import JOIN_VARIABLE

__all__ = ["parse_options"]

DEFAULT_STATE_DIRECTORY = Path("/var/lib/fleettrace")
"""Where compiled programs are kept; only the agent's user may write there."""

_EPILOG = """commands:
  serve   connect to a controller and run what it orders (the default)
  doctor  say what this machine can trace, and the line that mends what it
          cannot; it needs no controller
  clear   let this host take runs again, once you have looked at what a run has
          left behind in the kernel

An agent on a machine that cannot trace connects all the same, and says why.

exit codes:
  0    ended by a signal; of doctor: all is fine
  2    bad option or host file *
  3    the controller refused this agent *
  5    no controller answers to enrol this host
  6    of doctor: this machine cannot trace, or cannot run one of the tools
  17   this host is not enrolled, was revoked, or its certificate is over *
  130  interrupted before it served
  * needs a person: neither systemd nor the agent's supervisor starts it again"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, as for every other error."""
        raise BadInput(f"{message}: see 'fleettrace-agent --help'")


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """What was typed, or stands in the environment; ``arguments`` None: of this process.

    Raises:
        BadInput: there is no such option or command, or a value is missing.
    """
    parser = _Parser(
        prog="fleettrace-agent",
        description="Runs bounded traces on this host for a fleettrace controller; listens on no port.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "command",
        nargs="?",
        choices=("serve", "doctor", "clear"),
        default="serve",
        help="what each does is told below",
    )
    add("--json", action="store_true", help="of doctor: print one JSON document")
    add(
        "--controller",
        default=os.environ.get("FLEETTRACE_CONTROLLER"),
        metavar="ADDR",
        help="host:port or unix:PATH to dial",
    )
    add(
        "--join",
        default=os.environ.pop(JOIN_VARIABLE, None),
        metavar="TOKEN",
        help="of a TCP controller, once: the join token, or @FILE that holds it",
    )
    add(
        "--stream",
        default=os.environ.get("FLEETTRACE_STREAM"),
        metavar="HOST:PORT",
        help="where the controller takes agents, if not where it says (behind a tunnel)",
    )
    add(
        "--name",
        default=None,
        metavar="NAME",
        help="this host's name in the fleet (default: that of the token, else the host name)",
    )
    add(
        "--label",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a label to select by; repeatable; over TCP the controller holds them",
    )
    add("--scope", default="", metavar="CGROUP", help="trace this cgroup v2 alone, children included")
    add("--backend", choices=("bcc", "replay"), default="bcc", help="replay plays recordings and says so in results")
    add(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help=f"the host's own limits (default: {guard.DEFAULT_PATH})",
    )
    add(
        "--state-directory",
        type=Path,
        default=DEFAULT_STATE_DIRECTORY,
        metavar="DIR",
        help=f"compiled programs and the certificate (default: {DEFAULT_STATE_DIRECTORY})",
    )
    add("--version", action="version", version=f"fleettrace-agent {__version__}")
    return parser.parse_args(arguments)
