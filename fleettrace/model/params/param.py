"""A parameter of a tool: its bounds, and how a value is read and checked."""

import re
from dataclasses import dataclass

from fleettrace.errors import BadParameter
from fleettrace.model.params.forms import FORMS, NUMERIC_TYPES, TEXT_LENGTHS, ParamType, ParamValue, comm_of, reads_as

__all__ = ["Param"]

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_TRUTHS = {"true": 1, "yes": 1, "on": 1, "1": 1, "false": 0, "no": 0, "off": 0, "0": 0}


@dataclass(frozen=True, slots=True)
class Param:
    """A value that a caller may set; it becomes a constant of the program when that is loaded.

    For text, ``minimum`` and ``maximum`` bound its length, and an empty default is: not set; text of the types in
    :data:`TEXT_LENGTHS` must be given. ``choices`` are the words that a choice takes.
    """

    name: str
    default: ParamValue
    minimum: int
    maximum: int
    help: str
    type: ParamType = ParamType.INTEGER
    choices: tuple[str, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether a run must give it."""
        return self.type in TEXT_LENGTHS

    @property
    def range_text(self) -> str:
        """What values it takes, for people."""
        match self.type:
            case ParamType.INTEGER:
                return f"{self.minimum}..{self.maximum}"
            case ParamType.BOOLEAN:
                return "true or false"
            case ParamType.CHOICE:
                return ", ".join(self.choices)
            case ParamType.ADDRESS:
                return "an address or network"
            case _:
                return f"a {self.type}"

    @property
    def default_text(self) -> str:
        """Its default as it would be typed; empty: not set. It says so where there is none."""
        if self.is_required:
            return "(required)"
        return str(bool(self.default)).lower() if self.type is ParamType.BOOLEAN else str(self.default)

    def check(self, tool: str, value: ParamValue) -> None:
        """Raise :class:`BadParameter` unless the value is of the type and within its bounds."""
        if self.type in NUMERIC_TYPES:
            if isinstance(value, str) or not self.minimum <= value <= self.maximum:
                raise BadParameter(f"{tool}'s {self.name} must be within {self.minimum}..{self.maximum}, not {value}")
        elif self.type is ParamType.CHOICE:
            if value not in self.choices:
                raise BadParameter(
                    f"{tool}'s {self.name} must be one of {', '.join(self.choices)}, not {str(value)[:40]!r}"
                )
        elif not isinstance(value, str) or not reads_as(self.type, value):
            raise BadParameter(
                f"{tool}'s {self.name} must be {FORMS[self.type]}, not {str(value)[:40]!r}{_way_out(self.type, value)}"
            )

    def parse(self, tool: str, text: str) -> ParamValue:
        """The value of a text as typed.

        Raises:
            BadParameter: it is not of the type.
        """
        if self.type is ParamType.BOOLEAN:
            if text.lower() not in _TRUTHS:
                raise BadParameter(f"{tool}'s {self.name} must be true or false, not {text[:40]!r}")
            return _TRUTHS[text.lower()]
        if self.type is not ParamType.INTEGER:
            return text
        if not _WHOLE_NUMBER.fullmatch(text):
            raise BadParameter(f"{tool}'s {self.name} must be a whole number, not {text[:40]!r}")
        return int(text)


def _way_out(kind: ParamType, value: ParamValue) -> str:
    if kind is ParamType.COMM and isinstance(value, str) and reads_as(kind, cut := comm_of(value)):
        return f": the kernel cuts longer names off, to {cut!r}"
    return ""
