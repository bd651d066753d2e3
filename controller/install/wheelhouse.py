"""What is copied to a host, put together here once for each architecture and Python: hosts need no index."""

import asyncio
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from controller.install.download import Kind, download, pins, platforms
from controller.install.own_wheel import own_requirements, own_wheel, own_wheel_name
from fleettrace import __version__
from fleettrace.errors import BadInput

__all__ = ["Bundle", "Wheelhouse", "pack"]

MAX_BUNDLE_BYTES = 256 << 20
"""What is copied to one host; the agent's packages have some 15 MiB."""
KEPT_BUNDLES = 8
"""The newest ones; each change of the code makes another."""
REQUIREMENTS = "requirements.txt"


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
        pinned = pins(wanted)
        name = hashlib.sha256("\n".join((*wanted, *pinned, *platforms(kind.arch))).encode()).hexdigest()[:16]
        folder = self._cache / "packages" / name / str(kind)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
                await download(kind, wanted, pinned, Path(making) / "wheels")
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


def _cache_directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "fleettrace" / "install"
