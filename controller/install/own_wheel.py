"""The agent's package as a wheel, made of the very code that runs here, so that both sides are of one version.

A host gets ``node_agent`` and ``fleettrace`` and nothing of the controller. The same code gives the same bytes.
The form is that of https://packaging.python.org/en/latest/specifications/binary-distribution-format/.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from fleettrace import __version__
from fleettrace.errors import BadInput

__all__ = ["own_requirements", "own_wheel", "own_wheel_name"]

PROJECT = "fleettrace"
PACKAGES = ("fleettrace", "node_agent")
_ENTRY_POINTS = "[console_scripts]\nfleettrace-agent = node_agent.__main__:main\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: fleettrace\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_LEFT_OUT = ("__pycache__",)


def own_wheel_name() -> str:
    """The wheel's file name."""
    return f"{PROJECT}-{__version__}-py3-none-any.whl"


def own_requirements() -> tuple[str, ...]:
    """What an agent needs besides, as the project's metadata has it.

    Raises:
        BadInput: this is no installation, so that its metadata are missing.
    """
    return tuple(
        requirement
        for requirement in _metadata().get_all("Requires-Dist") or ()
        if "extra ==" not in requirement or 'extra == "agent"' in requirement.replace("'", '"')
    )


def own_wheel() -> bytes:
    """The wheel.

    Raises:
        BadInput: this is no installation, so that its metadata are missing.
    """
    metadata = f"Metadata-Version: 2.1\nName: {PROJECT}\nVersion: {__version__}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in own_requirements())
    folder = f"{PROJECT}-{__version__}.dist-info"
    files = dict(_package_files())
    files[f"{folder}/METADATA"] = metadata.encode()
    files[f"{folder}/WHEEL"] = _WHEEL.encode()
    files[f"{folder}/entry_points.txt"] = _ENTRY_POINTS.encode()
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{folder}/RECORD"] = f"{record}{folder}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # dated 1980, whenever it is made
    return buffer.getvalue()


def _metadata() -> PackageMetadata:
    try:
        return distribution(PROJECT).metadata
    except PackageNotFoundError as error:
        raise BadInput("fleettrace runs here without being installed: install it (deploy/setup) first") from error


def _package_files() -> Iterator[tuple[str, bytes]]:
    for package in PACKAGES:
        spec = find_spec(package)
        root = Path((spec.origin if spec is not None else None) or package).parent
        for path in sorted(root.rglob("*")):
            if path.is_file() and not set(_LEFT_OUT) & set(path.parts):
                yield f"{root.name}/{path.relative_to(root).as_posix()}", path.read_bytes()


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
