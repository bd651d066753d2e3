"""Golden files: what something looked like when a person last looked at it."""

import os
from collections.abc import Callable
from pathlib import Path


def compare_with_golden(folder: Path) -> Callable[[str, str], None]:
    """``compare(name, text)``; FLEETTRACE_UPDATE_GOLDEN=1 writes the files instead."""

    def compare(name: str, text: str) -> None:
        path = folder / name
        if os.environ.get("FLEETTRACE_UPDATE_GOLDEN") == "1":
            path.write_text(text)
        assert text == path.read_text()

    return compare
