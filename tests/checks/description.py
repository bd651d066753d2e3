"""``checks.toml``, parsed."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from fleettrace.catalog import builtin_tools
from fleettrace.model.params import ParamValue
from fleettrace.model.tool import ToolDefinition

__all__ = [
    "Checks",
    "CostWork",
    "Counted",
    "Known",
    "Place",
    "Reference",
    "Theirs",
    "checks_of",
    "known_tools",
    "parse_checks",
]

FILE = "checks.toml"
Place = Literal["here", "guest"]
"""The kernel of the machine that runs the tests, or that of the virtual machine."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is added up of a part; one of the first five, by the labels that it must have."""

    counts: Mapping[str, str] | None = None
    histograms: Mapping[str, str] | None = None
    events: Mapping[str, str] | None = None
    stacks: str | None = None
    """Stacks with a frame that has this in its name."""
    total: Literal["events", "events a second"] | None = None
    sum: str = ""
    """Of counts: a unit that is summed, instead of their number; of stacks: ``events`` or ``value``."""
    by: str = ""
    """Of counts: the label that tells apart what is compared."""

    def __post_init__(self) -> None:
        given = [self.counts, self.histograms, self.events, self.stacks, self.total]
        if sum(each is not None for each in given) != 1:
            raise ValueError("one of counts, histograms, events, stacks and total")


@dataclass(frozen=True, slots=True)
class Known:
    """Work of a known size, and what the tool must count of it, at least and at most."""

    work: str
    amount: int
    what: str
    counted: Counted
    at_least: float
    at_most: float
    params: Mapping[str, ParamValue] = field(default_factory=lambda: {"pid": "{pid}"})
    alternative: str = ""
    """The one that this kernel must choose, of a tool that has several."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """How to read what another program printed: one of these."""

    lines: str = ""
    """A pattern of the lines that are counted; a group in it tells apart what is compared."""
    numbers: str = ""
    """A pattern whose groups are numbers that are added up."""
    table: Literal["", "buckets", "names"] = ""
    """A histogram of powers of two, or rows of a name and a number."""
    map: str = ""
    """A map of bpftrace's."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.lines, self.numbers, self.table, self.map))) != 1:
            raise ValueError("one of lines, numbers, table and map")


@dataclass(frozen=True, slots=True)
class Reference:
    """A program that measures the same, where it attaches, and what it says where it does not."""

    command: str
    theirs: Theirs
    ours: Counted
    attaches: tuple[Place, ...] = ()
    refused: Mapping[Place, str] = field(default_factory=dict)
    bpftrace: bool = False
    """Whether the command is a program of bpftrace's language."""
    silent: bool = False
    """Nothing that it prints before its end tells that it traces: that it holds a probe does."""
    ready: str = ""
    """A text in what it prints once it traces; empty: whatever it prints first."""
    edge: float = 0.0
    """The share of the total that may fall on either side of a bucket's border: each takes its own times."""

    @property
    def name(self) -> str:
        return "bpftrace" if self.bpftrace else self.command.split()[0]


@dataclass(frozen=True, slots=True)
class CostWork:
    """Work that fires the tool's probes so often that what they cost can be measured, and parameters for the tool."""

    work: str
    amount: int
    params: Mapping[str, ParamValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checks:
    """One tool's file."""

    tool: str
    known: Mapping[Place, Known]
    filtered: Known
    """For the filters of processes: work that one process does, of which all is counted when it is asked for."""
    filter_name: str
    """The process' name that the filter ``comm`` asks for; empty: that of the work's process."""
    references: tuple[Reference, ...]
    any_work: Mapping[str, ParamValue]
    """Parameters with which everyday work is seen."""
    quiet: bool
    """Everyday work has none of what it counts."""
    costs: tuple[CostWork, ...]
    """What ``tests/bench/probe_cost.py`` measures."""


def parse_checks(tool: str, text: str) -> Checks:
    """A tool's file.

    Raises:
        TypeError, ValueError, KeyError: it is not of the documented form.
    """
    data = tomllib.loads(text)
    known = data.pop("known")
    guest = known.pop("guest", {})
    filtered = known.pop("filtered", {})
    filter_name = filtered.pop("comm", "")
    here = _known(known)
    any_work = data.pop("any_work", {})
    found = Checks(
        tool,
        {"here": here, "guest": _known(_changed(known, guest))},
        replace(_known(_changed(known, filtered)), alternative=""),
        filter_name,
        tuple(_reference(each) for each in data.pop("reference", [])),
        any_work.pop("params", {}),
        any_work.pop("quiet", False),
        tuple(CostWork(**each) for each in data.pop("cost")),
    )
    if data or any_work:
        raise ValueError(f"{tool}/{FILE} has {', '.join([*data, *any_work])}, which nobody reads")
    return found


def _changed(known: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """What is said exactly is not also said by bounds, and the other way round."""
    if "exactly" in changes:
        known = {name: value for name, value in known.items() if name not in {"at_least", "at_most"}}
    return {**known, **changes}


def _known(data: Mapping[str, Any]) -> Known:
    exactly = {"at_least": data["exactly"], "at_most": data["exactly"]} if "exactly" in data else {}
    rest = {name: value for name, value in data.items() if name not in {"exactly", "counted"}}
    return Known(counted=Counted(**data["counted"]), **{**exactly, **rest})


def _reference(data: Mapping[str, Any]) -> Reference:
    bpftrace = {"command": data["program"], "bpftrace": True} if "program" in data else {}
    rest = {name: value for name, value in data.items() if name not in {"program", "theirs", "ours", "attaches"}}
    return Reference(
        theirs=Theirs(**data["theirs"]),
        ours=Counted(**data["ours"]),
        attaches=tuple(data.get("attaches", ())),
        **bpftrace,
        **rest,
    )


def checks_of(tool: ToolDefinition) -> Checks:
    """What tests must find with a tool; see :func:`parse_checks` for errors."""
    return _read(tool.name, (tool.directory / FILE).read_text())


@cache
def _read(tool: str, text: str) -> Checks:
    return parse_checks(tool, text)


def known_tools() -> list[str]:
    """Every tool, by name, for tests that have one case of each."""
    return sorted(builtin_tools())
