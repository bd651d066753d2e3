"""The forms of host names and labels, and of durations as people type them."""

import re
from collections.abc import Iterable, Mapping

from fleettrace.errors import BadDuration, BadLabel

__all__ = [
    "MAX_LABELS",
    "check_host_name",
    "check_labels",
    "check_team",
    "counted",
    "duration_text",
    "natural_order",
    "one_line",
    "parse_duration_ms",
    "parse_labels",
]

MAX_LABELS = 32

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_LABEL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/:-]{0,126}[A-Za-z0-9])?")
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_TEAM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")

RESERVED_NAMES = frozenset({"all"})


def check_host_name(name: str) -> str:
    """Return ``name``, or raise :class:`BadLabel`: letters, digits and ``._-``, and not the selector ``all``."""
    if not _HOST_NAME.fullmatch(name) or name in RESERVED_NAMES:
        raise BadLabel(f"{name!r} cannot be a host name: use letters, digits and ._- inside, and not the word 'all'")
    return name


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels, sorted by name, or raise :class:`BadLabel`."""
    if len(labels) > MAX_LABELS:
        raise BadLabel(f"a host has at most {MAX_LABELS} labels, not {len(labels)}")
    for name, value in labels.items():
        if not _LABEL_NAME.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
            raise BadLabel(
                f"label {f'{name}={value}'!r} is not of the form name=value (letters, digits, ._- and /: in values)"
            )
    return dict(sorted(labels.items()))


def check_team(name: str) -> str:
    """Return ``name``, or raise :class:`BadLabel`: at most 63 letters, digits and ``._-``."""
    if not _TEAM.fullmatch(name):
        raise BadLabel(f"{name[:80]!r} cannot be a team: use at most 63 letters, digits and ._- inside")
    return name


def natural_order(name: str) -> list[tuple[int, str]]:
    """A key to sort names by as people count: api-2 before api-10."""
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in re.findall(r"\d+|\D+", name)]


def parse_labels(items: Iterable[str]) -> dict[str, str]:
    """Parse ``["role=api", "zone=a"]``.

    Raises:
        BadLabel: an item has no ``=``, a name comes twice, or a form is wrong.
    """
    labels: dict[str, str] = {}
    for item in items:
        name, separator, value = item.partition("=")
        if not separator:
            raise BadLabel(f"label {item!r} is not of the form name=value")
        if name in labels:
            raise BadLabel(f"label {name!r} is given twice")
        labels[name] = value
    return check_labels(labels)


def parse_duration_ms(text: str) -> int:
    """Milliseconds of ``500ms``, ``5s``, ``2m``, ``1h`` or ``30d``.

    Raises:
        BadDuration: anything else, and zero.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise BadDuration(f"{text!r} is not a duration: use a number with its unit, such as 500ms, 5s or 2m")
    return int(match[1]) * _UNIT_MS[match[2]]


def duration_text(duration_ms: float) -> str:
    """A duration for people: ``500 ms``, ``2 s``, ``1.5 s``, ``3600 s``."""
    if duration_ms < 1000:
        return f"{duration_ms:.0f} ms"
    return f"{duration_ms / 1000:.3g} s" if duration_ms < 100_000 else f"{duration_ms / 1000:.0f} s"


def one_line(program: str) -> str:
    """A one-liner's canonical text in one line: its breaks stand between statements alone, never in a string."""
    return re.sub(r"\s*\n\s*", " ", program).strip()


def counted(number: int, noun: str) -> str:
    """``1 host``, ``2 hosts``, ``1,204 hosts``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
