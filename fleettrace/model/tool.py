"""Tools: what is known of a trace program before it runs, and what an operator is shown of it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fleettrace.errors import BadParameter

__all__ = ["Attach", "Cost", "Decode", "KeyField", "Param", "ResultKind", "ToolDefinition", "ToolListing"]

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")


class ResultKind(StrEnum):
    """What a tool's snapshot is made of."""

    HISTOGRAM = "histogram"
    STACKS = "stacks"
    COUNTS = "counts"


@dataclass(frozen=True, slots=True)
class Param:
    """An integer that a caller may set; it becomes a constant of the program when it is loaded."""

    name: str
    default: int
    minimum: int
    maximum: int
    help: str


@dataclass(frozen=True, slots=True)
class Attach:
    """One program on one probe; ``frequency_param`` names the parameter that sets a sampling rate in Hz."""

    program: str
    probe: str
    frequency_param: str | None = None


@dataclass(frozen=True, slots=True)
class KeyField:
    """One field of a map's key: its label name and how its bytes read (``comm``, ``syscall``, ``u32``, ``u64``)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Decode:
    """Which maps hold the result and how their keys read."""

    map: str
    stacks_map: str | None = None
    key: tuple[KeyField, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time in ns that one probe hit and one event (a hit that passed the filters) add, as measured.

    ``bounded_hits_per_cpu_param`` names the parameter that hits per second and CPU can never exceed: a
    sampling tool costs the same on a busy host as on a quiet one.
    """

    hit_ns: float
    event_ns: float
    bounded_hits_per_cpu_param: str | None = None


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """Everything that is known of a tool before it runs."""

    name: str
    digest: str
    question: str
    result: ResultKind
    unit: str
    capabilities: tuple[str, ...]
    optional_capabilities: Mapping[str, str]
    cost: Cost
    params: tuple[Param, ...]
    attach: tuple[Attach, ...]
    decode: Decode
    directory: Path
    program_text: str
    readme: str

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that it attaches to, in order."""
        return tuple(attach.probe for attach in self.attach)

    def resolve_params(self, given: Mapping[str, int]) -> dict[str, int]:
        """All parameters with their values: those given, checked, and the defaults of the others.

        Raises:
            BadParameter: an unknown name, or a value out of range.
        """
        known = {param.name: param for param in self.params}
        self._check_known(given)
        resolved = {param.name: given.get(param.name, param.default) for param in self.params}
        for name, value in resolved.items():
            if not known[name].minimum <= value <= known[name].maximum:
                raise BadParameter(
                    f"{self.name}'s {name} must be within {known[name].minimum}..{known[name].maximum}, not {value}"
                )
        return resolved

    def parse_params(self, given: Mapping[str, str]) -> dict[str, int]:
        """Like :meth:`resolve_params`, from text as typed (``-p name=value``)."""
        self._check_known(given)
        for name, text in given.items():
            if not _WHOLE_NUMBER.fullmatch(text):
                raise BadParameter(f"{self.name}'s {name} must be a whole number, not {text[:40]!r}")
        return self.resolve_params({name: int(text) for name, text in given.items()})

    def _check_known(self, names: Iterable[str]) -> None:
        known = [param.name for param in self.params]
        for name in names:
            if name not in known:
                raise BadParameter(f"{self.name} has no parameter {name!r}; it has: {', '.join(known) or 'none'}")

    def max_hits_per_s_per_cpu(self, params: Mapping[str, int]) -> float | None:
        """The rate that a sampling tool cannot exceed, in hits per second and CPU; None: events set the rate."""
        name = self.cost.bounded_hits_per_cpu_param
        return float(params[name]) if name is not None else None


@dataclass(frozen=True, slots=True)
class ToolListing:
    """What the controller tells of a tool that it offers."""

    name: str
    digest: str
    question: str
    result: ResultKind
    params: tuple[Param, ...]
    capabilities: tuple[str, ...]
    probes: tuple[str, ...]
    readme: str
