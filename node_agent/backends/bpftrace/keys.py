"""Keys of maps, from the one text that bpftrace makes of all their parts.

bpftrace joins the parts with commas and escapes none, so that ``a,b`` may be one text or two. The types of the parts,
which the program's tree tells, settle it; where two texts meet, the program that is run has a number between them
that nobody who chooses a text can know.
"""

import re
from collections.abc import Collection, Sequence

from fleettrace.errors import Malformed
from fleettrace.oneliner.inference import KeyType
from fleettrace.oneliner.shapes import KeyPart

__all__ = ["KeyReader", "marked_positions"]

_PATTERNS = {
    KeyType.INTEGER: r"(-?[0-9]+)",
    KeyType.TEXT: r"(.*)",
    KeyType.KERNEL_STACK: r"((?:\n(?: +[^\n]*\n)*)?)",
    KeyType.USER_STACK: r"((?:\n(?: +[^\n]*\n)*)?)",
}


def marked_positions(key: Sequence[KeyPart]) -> Collection[int]:
    """The parts after which a marker goes: texts that are followed by anything but whole numbers."""
    return {
        at
        for at, part in enumerate(key)
        if part.type is KeyType.TEXT and any(later.type is not KeyType.INTEGER for later in key[at + 1 :])
    }


class KeyReader:
    """Takes keys of one shape apart."""

    def __init__(self, key: Sequence[KeyPart], marker: int) -> None:
        marked = marked_positions(key)
        patterns = [_PATTERNS[part.type] + (f",{marker}" if at in marked else "") for at, part in enumerate(key)]
        self._pattern = re.compile(",".join(patterns), re.DOTALL)

    def parts(self, text: str) -> tuple[str, ...]:
        """The parts, as text each.

        Raises:
            Malformed: the text is not of the key's shape.
        """
        found = self._pattern.fullmatch(text)
        if found is None:
            raise Malformed(f"bpftrace printed a key that its program cannot have made: {text[:80]!r}")
        return found.groups()
