"""What is copied to a host, put together here once for each architecture and Python: hosts need no index."""

import asyncio
import hashlib
import io
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from controller.install.look import LEAST_GLIBC, HostLook
from controller.install.own_wheel import own_requirements, own_wheel, own_wheel_name
from fleettrace import __version__
from fleettrace.errors import BadInput

__all__ = ["Arch", "Bundle", "Kind", "Wheelhouse", "pack"]

DOWNLOAD_S = 300.0
MAX_BUNDLE_BYTES = 256 << 20
"""What is copied to one host; the agent's packages have some 15 MiB."""
KEPT_BUNDLES = 8
"""The newest ones; each change of the code makes another."""
REQUIREMENTS = "requirements.txt"


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


@dataclass(frozen=True, slots=True)
class Bundle:
    """A tar file with wheels and their hashes. ``version`` names its content: equal versions are equal bytes."""

    version: str
    path: Path
    size_bytes: int


class Wheelhouse:
    """Bundles, made when they are first asked for and kept; at most one is made at a time.

    ``given``: a folder that :meth:`make` filled elsewhere, for a machine that reaches no index.
    """

    def __init__(self, cache: Path | None = None, given: Path | None = None) -> None:
        self._cache = cache or _cache_directory()
        self._given = given
        self._bundles: dict[Kind, Bundle | BadInput] = {}
        self._one_at_a_time = asyncio.Lock()

    async def bundle(self, kind: Kind) -> Bundle:
        """The bundle for a kind of host.

        Raises:
            BadInput: its packages cannot be had; the sentence says how to bring them.
        """
        async with self._one_at_a_time:
            if kind not in self._bundles:
                try:
                    self._bundles[kind] = await self._bundle(kind)
                except BadInput as error:  # the next host of its kind is not kept waiting for the same
                    self._bundles[kind] = error
            found = self._bundles[kind]
        if isinstance(found, BadInput):
            raise found
        return found

    async def _bundle(self, kind: Kind) -> Bundle:
        folder = self._given / str(kind) if self._given is not None else await self._dependencies(kind)
        if not folder.is_dir():
            raise BadInput(
                f"{self._given} has no packages for {kind}: make them where an index is in reach with "
                f"'fleettrace wheelhouse DIR --arch {kind.arch} --python {kind.python[0]}.{kind.python[1]}'"
            )
        return await asyncio.to_thread(pack, folder, self._cache / "bundles", str(kind))

    async def make(self, kind: Kind, directory: Path) -> Path:
        """Put the packages of a kind below ``directory``, to be carried to a machine that reaches no index.

        Raises:
            BadInput: they cannot be had, or the folder cannot be written.
        """
        folder = await self._dependencies(kind)
        try:
            return Path(await asyncio.to_thread(shutil.copytree, folder, directory / str(kind), dirs_exist_ok=True))
        except OSError as error:
            raise BadInput(f"{directory} cannot be written ({error.strerror}): name another folder") from error

    async def _dependencies(self, kind: Kind) -> Path:
        """The folder of everything but the project's own wheel."""
        wanted = own_requirements()
        pins = _pins(wanted)
        name = hashlib.sha256("\n".join((*wanted, *pins, *_platforms(kind.arch))).encode()).hexdigest()[:16]
        folder = self._cache / "packages" / name / str(kind)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
                await _download(kind, wanted, pins, Path(making) / "wheels")
                try:
                    (Path(making) / "wheels").replace(folder)
                except OSError:
                    if not folder.is_dir():  # not: another command was faster
                        raise
        return folder


def pack(folder: Path, bundles: Path, label: str) -> Bundle:
    """Make a bundle of a folder of wheels and of the project's own one; a bundle that is there already is kept."""
    wheels = {path.name: path.read_bytes() for path in sorted(folder.glob("*.whl"))}
    wheels[own_wheel_name()] = own_wheel()
    if sum(map(len, wheels.values())) > MAX_BUNDLE_BYTES:
        raise BadInput(f"{folder} has more than {MAX_BUNDLE_BYTES >> 20} MiB of packages: are they only an agent's?")
    lines = [_requirement(name, data) for name, data in sorted(wheels.items()) if not name.startswith("pip-")]
    requirements = "".join(f"{line}\n" for line in lines).encode()
    whole = hashlib.sha256(requirements)
    version = f"{__version__}-{whole.hexdigest()[:12]}"
    path = bundles / f"{version}-{label}.tar"
    if not path.is_file():
        bundles.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=bundles, prefix=".making-") as making:
            with tarfile.open(fileobj=making, mode="w") as archive:
                for name, data in [(REQUIREMENTS, requirements), *sorted(wheels.items())]:
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
            making.flush()
            os.link(making.name, f"{path}.{os.getpid()}")
            Path(f"{path}.{os.getpid()}").replace(path)
        _keep_newest(bundles, KEPT_BUNDLES)
    return Bundle(version, path, path.stat().st_size)


def _keep_newest(bundles: Path, count: int) -> None:
    for old in sorted(bundles.glob("*.tar"), key=lambda path: path.stat().st_mtime)[:-count]:
        old.unlink(missing_ok=True)


def _requirement(name: str, data: bytes) -> str:
    return f"./{name} --hash=sha256:{hashlib.sha256(data).hexdigest()}"


def _pins(wanted: Sequence[str]) -> tuple[str, ...]:
    """What is installed here of the wanted and of what that needs, in its version: hosts run what runs here."""
    pins: dict[str, str] = {}
    queue = ["pip", *wanted]
    while queue:
        name = re.split(r"[^A-Za-z0-9._-]", queue.pop(), maxsplit=1)[0]
        if not name or name in pins:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another platform or version than this one
            continue
        pins[name] = f"{name}=={found.version}"
        queue += [needed for needed in found.requires or () if "extra ==" not in needed]
    return tuple(sorted(pins.values()))


def _platforms(arch: str) -> tuple[str, ...]:
    return (*(f"manylinux_2_{minor}_{arch}" for minor in range(LEAST_GLIBC[1], 16, -1)), f"manylinux2014_{arch}")


async def _download(kind: Kind, wanted: tuple[str, ...], pins: tuple[str, ...], folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(pins))
        constraints.flush()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--only-binary=:all:", "--dest", str(folder), "--constraint", constraints.name]
        command += ["--python-version", f"{kind.python[0]}.{kind.python[1]}", "--implementation", "cp"]
        command += [f"--platform={platform}" for platform in _platforms(kind.arch)]
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
        said = [line for line in errors.decode(errors="replace").splitlines() if line.startswith("ERROR:")]
        reason = " ".join((said[-1] if said else errors.decode(errors="replace")[-200:]).split())
        raise BadInput(f"the packages for {kind} cannot be had from an index ({reason}); {_WAY_OUT}")


_WAY_OUT = "on a machine that reaches one run 'fleettrace wheelhouse DIR', bring DIR here and give --wheelhouse DIR"


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "fleettrace" / "install"
