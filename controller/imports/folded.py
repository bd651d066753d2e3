r"""Folded stacks: ``frame;frame;frame value``. What our own export escapes (``\x3b``, ``\\``) becomes what it was."""

import re
from collections.abc import Iterable

from controller.imports.lines import Line
from fleettrace.errors import BadInput
from fleettrace.snapshot import Stack
from fleettrace.snapshot.stacks import MAX_FRAMES
from fleettrace.wire.codec import wire_text

__all__ = ["parse_folded"]

_LINE = re.compile(r"(.+) ([0-9]{1,18})")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(\\))")
SAMPLES_UNIT = "samples"


def parse_folded(lines: Iterable[Line], unit: str) -> tuple[Stack, ...]:
    """Stacks with a value; lines with the value 0 say nothing and are left out.

    Raises:
        BadInput: a line is of another form; names it.
    """
    stacks = [stack for line in lines if line.text.strip() for stack in _stack(line, unit)]
    if not stacks:
        raise BadInput("the text holds no stack with a value above 0: there is nothing to import")
    return tuple(stacks)


def _stack(line: Line, unit: str) -> list[Stack]:
    match = _LINE.fullmatch(line.text)
    if match is None:
        raise BadInput(
            f"line {line.number} is not of the form 'frame;frame value': is the text folded stacks, and whole?"
        )
    frames = tuple(wire_text(_ESCAPED.sub(_unescaped, frame)) for frame in match[1].split(";"))
    if not all(frames):
        raise BadInput(f"line {line.number} has a frame without a name: the text is damaged")
    if len(frames) > MAX_FRAMES:
        raise BadInput(f"line {line.number} has {len(frames)} frames; at most {MAX_FRAMES} can be kept")
    value = int(match[2])
    # How many events a time sums up is not in the text; at least one, and no more is claimed.
    return [Stack(frames, value, unit, 0 if unit == SAMPLES_UNIT else 1)] if value else []


def _unescaped(match: re.Match[str]) -> str:
    return "\\" if match[3] else chr(int(match[1] or match[2], 16))
