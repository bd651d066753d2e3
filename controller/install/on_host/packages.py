"""Versions of the agent, side by side; a link chooses."""

import shutil
import tarfile
from pathlib import Path
from typing import BinaryIO

from controller.install.on_host.commands import Failed, run
from controller.install.on_host.layout import CURRENT, PREVIOUS, PYTHON, VERSIONS
from controller.install.on_host.made import replace

__all__ = ["COMPLETE", "name_of", "point", "tidy", "unpack"]

COMPLETE = "fleettrace-version"
"""In the folder of a version: it was unpacked to the end, and this is its name."""
MAX_PACKAGE_BYTES = 512 << 20


def unpack(version: str, packages: BinaryIO, changes: list[str]) -> None:
    """Unpack a version from a tar file of wheels, unless it is there.

    Raises:
        Failed: the packages are not what their hashes say, or cannot be unpacked.
    """
    folder = VERSIONS / version
    if (folder / COMPLETE).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755, parents=True)
    wheels = folder / "wheels"
    wheels.mkdir()
    total = 0
    with tarfile.open(fileobj=packages, mode="r|") as archive:
        for member in archive:
            total += member.size
            source = archive.extractfile(member)
            if source is None or "/" in member.name or member.name.startswith(".") or total > MAX_PACKAGE_BYTES:
                raise Failed("command", "the copied packages are not of the form that they should have: try again")
            with (wheels / member.name).open("wb") as file:
                shutil.copyfileobj(source, file)
    run(PYTHON, "-I", "-m", "venv", "--without-pip", "--system-site-packages", str(folder))
    pip = next(wheels.glob("pip-*.whl"))
    run(
        *(str(folder / "bin" / "python"), "-I", str(pip / "pip"), "install", "--quiet", "--no-index", "--no-deps"),
        *("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--ignore-installed", "--require-hashes"),
        *("--requirement", "requirements.txt"),  # which names the files beside it, with their hashes
        folder=wheels,
    )
    shutil.rmtree(wheels)
    replace(folder / COMPLETE, version + "\n", 0o644)
    changes.append("package")


def point(link: Path, version: str) -> None:
    """Let a link choose a version, at once."""
    part = link.with_name(f".{link.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(VERSIONS / version)
    part.replace(link)


def name_of(link: Path) -> str:
    """The version that a link chooses; empty: none."""
    try:
        return link.readlink().name
    except OSError:
        return ""


def tidy() -> None:
    """Keep this version and the one before."""
    keep = {name_of(CURRENT), name_of(PREVIOUS)}
    for folder in VERSIONS.iterdir():
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)
