"""Packages for hosts of another kind than this machine, from an index, by pip."""

import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from controller.install.look import LEAST_GLIBC, HostLook
from fleettrace.errors import BadInput

__all__ = ["Arch", "Kind", "download", "pins", "platforms"]

DOWNLOAD_S = 300.0


class Arch(StrEnum):
    """Architectures that agents run on, as uname(1) calls them."""

    X86_64 = "x86_64"
    AARCH64 = "aarch64"


@dataclass(frozen=True, slots=True)
class Kind:
    """Hosts that take the same packages."""

    arch: str
    python: tuple[int, int]

    @classmethod
    def of(cls, look: HostLook) -> "Kind":
        """The kind of a host."""
        return cls(look.arch, look.python)

    def __str__(self) -> str:
        return f"{self.arch}-python{self.python[0]}.{self.python[1]}"


def pins(wanted: Sequence[str]) -> tuple[str, ...]:
    """What is installed here of the wanted and of what that needs, in its version: hosts run what runs here."""
    pinned: dict[str, str] = {}
    queue = ["pip", *wanted]
    while queue:
        name = re.split(r"[^A-Za-z0-9._-]", queue.pop(), maxsplit=1)[0]
        if not name or name in pinned:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another platform or version than this one
            continue
        pinned[name] = f"{name}=={found.version}"
        queue += [needed for needed in found.requires or () if "extra ==" not in needed]
    return tuple(sorted(pinned.values()))


def platforms(arch: str) -> tuple[str, ...]:
    """What wheels for hosts of an architecture are called, the newest glibc that they may need first."""
    return (*(f"manylinux_2_{minor}_{arch}" for minor in range(LEAST_GLIBC[1], 16, -1)), f"manylinux2014_{arch}")


async def download(kind: Kind, wanted: Sequence[str], pinned: Sequence[str], folder: Path) -> None:
    """Fetch the wanted packages, and what they need, for hosts of a kind.

    Raises:
        BadInput: they cannot be had; the sentence says which, and how to bring them.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pinned))
        constraints.flush()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--only-binary=:all:", "--dest", str(folder), "--constraint", constraints.name]
        command += ["--python-version", f"{kind.python[0]}.{kind.python[1]}", "--implementation", "cp"]
        command += [f"--platform={platform}" for platform in platforms(kind.arch)]
        process = await asyncio.create_subprocess_exec(
            *command,
            "pip",  # it unpacks the others on the host, where there may be none
            *wanted,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(DOWNLOAD_S):
                _, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise BadInput(f"the packages for {kind} did not come within {DOWNLOAD_S:.0f} s; {_WAY_OUT}") from None
    if process.returncode != 0:
        raise BadInput(
            f"the packages for {kind} cannot be had from an index ({_why(errors.decode(errors='replace'))}); {_WAY_OUT}"
        )


def _why(said: str) -> str:
    """What pip complains about: that nothing answers, a package without a build for such hosts, or its first error."""
    if _NO_ANSWER.search(said):
        return "none is in reach"
    missing = re.search(
        r"^ERROR: (?:Cannot install|Could not find .* requirement|No matching .* for) (\S+)", said, re.MULTILINE
    )
    if missing:
        return f"it has no build of {missing[1]} for such hosts, in the version that runs here"
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    return " ".join((errors[0] if errors else said[-200:]).split())


_NO_ANSWER = re.compile(r"Retry\(total=0\b")
"""Of a download that pip has given up after its last try; a try that fails before one that works says nothing."""
_WAY_OUT = "on a machine that reaches one run 'fleettrace wheelhouse DIR', bring DIR here and give --wheelhouse DIR"
