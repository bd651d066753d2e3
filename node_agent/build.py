"""Which build of the package an agent runs."""

import sys
from pathlib import Path

from fleettrace import __version__

__all__ = ["BUILD_FILE", "build_version"]

BUILD_FILE = "fleettrace-version"
"""In the environment that `fleettrace install` made: the version, with a digest of all that it consists of."""
MAX_BUILD_BYTES = 100


def build_version(prefix: Path = Path(sys.prefix)) -> str:
    """The build that was installed here, such as ``0.1.0-1f0a3b5c7d9e``; where nobody said, the version alone."""
    try:
        with (prefix / BUILD_FILE).open() as file:
            return file.read(MAX_BUILD_BYTES).strip() or __version__
    except OSError:
        return __version__
