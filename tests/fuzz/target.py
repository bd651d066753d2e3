"""What is fuzzed, and what is a fault."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fleettrace.errors import FleettraceError

__all__ = ["Target", "text_target"]

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Target:
    """``check`` takes any bytes, and raises what is a fault: anything but a refusal that its decoder documents.

    ``seeds`` gives bytes to begin with, mostly good ones.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]

    def write_seeds(self, folder: Path) -> None:
        """Make the folder, with one file for each seed."""
        folder.mkdir(parents=True)
        for number, data in enumerate(self.seeds()):
            (folder / f"seed-{number}").write_bytes(data)


def text_target(
    read: Callable[[str], Read], seeds: Callable[[], Sequence[str]], *, again: Callable[[Read], str] | None = None
) -> Target:
    """Of a reader of texts; ``again`` writes what was read, which must then read the same."""

    def check(data: bytes) -> None:
        with suppress(FleettraceError):
            found = read(data.decode("utf-8", "surrogateescape"))
            if again is not None:
                # A refusal of what it has written itself is a fault as well, and so not suppressed.
                try:
                    same = read(again(found)) == found
                except FleettraceError as error:
                    raise AssertionError(f"what was read is refused when it is written: {error}") from error
                assert same, "what was read, written and read again is something else"

    return Target(check, lambda: [text.encode("utf-8", "surrogateescape") for text in seeds()])
