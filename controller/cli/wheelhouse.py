"""``fleettrace wheelhouse``."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.exit_codes import ExitCode
from controller.cli.terminal import Terminal
from controller.install.download import Arch, Kind
from controller.install.look import LEAST_PYTHON
from controller.install.wheelhouse import Wheelhouse
from fleettrace.errors import BadInput

__all__ = ["wheelhouse"]


def wheelhouse(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put them; made when it is not there.")],
    arch: Annotated[Arch, typer.Option("--arch", help="The hosts' architecture.")] = Arch.X86_64,
    python: Annotated[
        str, typer.Option("--python", metavar="VERSION", help="The hosts' /usr/bin/python3, such as `3.11`.")
    ] = "3.11",
) -> int:
    """Fetch what hosts of one kind need, for a machine that reaches no index of packages.

    Take the folder there, and give it to `install` and `upgrade` with `--wheelhouse`. They have the same version of
    fleettrace there, which is not in the folder: hosts get the code that runs on the machine that installs them.
    """
    kind = Kind(arch, _parse_python(python))
    folder = asyncio.run(Wheelhouse().make(kind, directory))
    Terminal().note("written", f"{folder}, {len(list(folder.glob('*.whl')))} packages")
    return ExitCode.OK


def _parse_python(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal()) or (int(major), int(minor)) < LEAST_PYTHON:
        raise BadInput(f"--python {text} is no version that an agent runs on: write 3.11 or later, such as 3.12")
    return int(major), int(minor)
