"""Tracepoints with the fields of their records, as tracefs describes them."""

import re
from collections.abc import Iterator
from pathlib import Path

from fleettrace.errors import Unfit

__all__ = ["TRACEFS", "read_fields", "tracepoint_names"]

TRACEFS = Path("/sys/kernel/tracing")

_FIELD = re.compile(r"^\tfield:(?P<declared>[^;]+);\toffset:\d+;\tsize:(?P<size>\d+)")
_DECLARED = re.compile(r"(?P<type>.*?)\s*(?P<name>\w+)(?P<array>(\[[^]]*\])*)")
_COMMON = "common_"


def tracepoint_names(tracefs: Path = TRACEFS) -> Iterator[str]:
    """``category:name`` of every tracepoint, in no order.

    Raises:
        Unfit: tracefs is not mounted, or may not be read.
    """
    events = tracefs / "events"
    try:
        categories = [path for path in events.iterdir() if path.is_dir()]
    except PermissionError as error:
        raise Unfit(
            f"{tracefs} may not be read: give the agent CAP_DAC_READ_SEARCH, or its group read access"
        ) from error
    except OSError as error:
        raise Unfit(f"tracefs is not mounted there: mount -t tracefs nodev {tracefs}") from error
    for category in categories:
        try:
            names = [path.name for path in category.iterdir() if path.is_dir()]
        except OSError:
            continue  # taken away with its module
        yield from (f"{category.name}:{name}" for name in names)


def read_fields(name: str, tracefs: Path = TRACEFS) -> tuple[tuple[str, str], ...]:
    """(name, type) of the fields of ``category:name``, without those that every record has; none where it is gone."""
    category, _, event = name.partition(":")
    try:
        text = (tracefs / "events" / category / event / "format").read_text(errors="replace")
    except OSError:
        return ()
    return tuple(parse_format(text))


def parse_format(text: str) -> Iterator[tuple[str, str]]:
    """The fields of a ``format`` file."""
    for line in text.splitlines():
        if (field := _FIELD.match(line)) is None:
            continue
        declared = _DECLARED.fullmatch(field["declared"])
        if declared is not None and not declared["name"].startswith(_COMMON):
            yield declared["name"], f"{declared['type']}{declared['array']}"
