"""Lines of ``bpftrace -f json``, as records."""

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Pairs", "Record", "read_line", "text_of"]

# A byte of 0x80 and above is printed as the sign-extended "\uffffffc3", which is no JSON.
_ESCAPE = re.compile(r"\\(?:uffffff([0-9a-f]{2})|(.))", re.DOTALL)


class Pairs(tuple[tuple[str, Any], ...]):
    """A JSON object as it was written: a key may come more than once (two stacks with equal text)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One line: its type and what came with it; ``fields`` holds all of the object's members but these two."""

    type: str
    data: Any
    fields: dict[str, Any]


def read_line(line: bytes) -> Record | None:
    """A record; None for a blank line.

    Texts hold one character for each byte; :func:`text_of` makes real text of them.

    Raises:
        ValueError: the line is broken.
    """
    if not line.strip():
        return None
    # Latin-1 keeps every byte; what is not escaped is put back together with the rest afterwards.
    text = _ESCAPE.sub(lambda found: f"\\u00{found[1]}" if found[1] else found[0], line.decode("latin-1"))
    try:
        parsed = json.loads(text, object_pairs_hook=Pairs, strict=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(parsed, Pairs):
        raise ValueError("not an object")
    members = dict(parsed)
    kind = members.pop("type", None)
    if not isinstance(kind, str):
        raise ValueError("an object without a type")
    return Record(kind, members.pop("data", None), members)


def text_of(characters: str) -> str:
    """Real text of one character for each byte; what is no UTF-8 stays apart as ``\\xff`` and the like."""
    return characters.encode("latin-1", "replace").decode("utf-8", "backslashreplace")
