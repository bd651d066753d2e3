"""Fields that many messages share: text, identifiers, labels, numbers."""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from fleettrace.errors import BadLabel, Malformed
from fleettrace.model.names import check_host_name, check_labels

__all__ = [
    "MAX_ID_CHARS",
    "MAX_NUMBER",
    "parse_amount",
    "parse_choice",
    "parse_finite",
    "parse_host_name",
    "parse_id",
    "parse_labels",
    "parse_number",
    "wire_text",
]

MAX_ID_CHARS = 128
"""The longest job id."""

MAX_NUMBER = (1 << 53) - 1
"""The largest number that a part may hold or add up to: exact in JSON, and two thousand of them fit 64 bits."""

_Choice = TypeVar("_Choice", bound=StrEnum)


def wire_text(text: str) -> str:
    r"""``text`` as the wire can carry it: valid UTF-8, with each byte that is not marked as ``\xff``.

    Names of processes, paths and symbols are bytes to the kernel and reach Python with ``surrogateescape``, which
    protobuf refuses. The mark is for the eye: a text that held a literal ``\xff`` reads the same afterwards.
    """
    if text.isascii():
        return text
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that escapes no byte
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")


def parse_id(text: str, what: str) -> str:
    """An identifier of 1 to :data:`MAX_ID_CHARS` characters."""
    if not 1 <= len(text) <= MAX_ID_CHARS:
        raise Malformed(f"a {what} has 1 to {MAX_ID_CHARS} characters, not {len(text)}")
    return text


def parse_host_name(text: str) -> str:
    """A host name."""
    try:
        return check_host_name(text)
    except BadLabel as error:
        raise Malformed(str(error)) from error


def parse_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """A host's labels, sorted by name."""
    try:
        return check_labels(labels)
    except BadLabel as error:
        raise Malformed(str(error)) from error


def parse_choice(choices: type[_Choice], text: str, what: str) -> _Choice:
    """A member of an enum by its value."""
    try:
        return choices(text)
    except ValueError:
        raise Malformed(f"{text!r} is no {what}; it is one of {', '.join(choices)}") from None


def parse_amount(value: float, what: str) -> float:
    """A finite number that is not negative."""
    if parse_finite(value, what) < 0:
        raise Malformed(f"the {what} cannot be negative, but is {value}")
    return value


def parse_finite(value: float, what: str) -> float:
    """A number that is neither infinite nor NaN."""
    if not math.isfinite(value):
        raise Malformed(f"the {what} must be a finite number, not {value}")
    return value


def parse_number(value: int, what: str) -> int:
    """A whole number within :data:`MAX_NUMBER`."""
    if value > MAX_NUMBER:
        raise Malformed(f"the {what} is {value}, which is more than the {MAX_NUMBER} that can be counted exactly")
    return value
