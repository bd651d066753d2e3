"""What a tracing child is told and what it says: one JSON object a line, the same for every backend.

The agent writes one :class:`ChildPlan` to the child's standard input; the child answers on its standard output
with :class:`Attached`, any number of :class:`Sample` and interim :class:`Measured`, and at the end one
:class:`Measured` that is final, or one :class:`Failed`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fleettrace.errors import Malformed
from fleettrace.model.calibration import Calibration, HitKind
from fleettrace.model.params import ParamValue
from fleettrace.model.run import MapFill, OneLinerBounds, RunCost, RunKind
from fleettrace.snapshot import Count, Event, Histogram, Snapshot, Stack
from node_agent.calibration.form import calibration_from_json

__all__ = [
    "MAX_LINE_BYTES",
    "Attached",
    "ChildMessage",
    "ChildPlan",
    "Failed",
    "Measured",
    "Sample",
    "decode_message",
    "decode_plan",
    "encode",
]

MAX_LINE_BYTES = 32 * 1024 * 1024
"""The longest line that the agent reads from a child; a longer one ends the run as failed."""


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """One run as its child must perform it.

    ``scope``: cgroup v2 path, empty for the whole machine. ``capabilities``: all that the child keeps, and
    ``alternatives`` those of the tool that make do with them. ``program`` and ``one_liner``: of a one-liner, its
    canonical text and its bounds. ``calibration`` and ``program_scale`` (0: not measured) turn what is counted into
    cost, for the child's own breaker; its ceilings are those that begin with ``max_``.
    ``attach_at_s``: when to attach, on the monotonic clock; 0: at once.
    """

    backend: str
    tool: str
    digest: str
    kind: str
    params: dict[str, ParamValue]
    scope: str
    duration_ms: int
    max_events_per_s: int
    max_cpu_pct: float
    max_map_bytes: int
    capabilities: tuple[str, ...]
    state_directory: str
    parent_pid: int
    alternatives: tuple[str, ...] = ("",)
    program: str = ""
    one_liner: OneLinerBounds | None = None
    calibration: Calibration | None = None
    program_scale: float = 0.0
    max_child_cpu_pct: float = 100.0
    max_child_rss_bytes: int = 1 << 30
    max_map_fill_pct: float = 100.0
    attach_at_s: float = 0.0

    @property
    def run_kind(self) -> RunKind:
        """The kind as an enum."""
        return RunKind(self.kind)


@dataclass(frozen=True, slots=True)
class Attached:
    """The last probe is attached; ``at_ms`` is the host's clock (Unix), ``alternative`` which way of the tool it is.

    ``held`` is what the child now holds in the kernel (:mod:`node_agent.kernel.holdings`).
    ``at_s`` is the same moment on the monotonic clock. ``build_id`` is that of the binary that the probes are in, where
    they are in one.
    """

    at_ms: int
    backend: str
    alternative: str = ""
    build_id: str = ""
    at_s: float = 0.0
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """What the run has cost so far."""

    elapsed_ms: int
    cost: RunCost


@dataclass(frozen=True, slots=True)
class Measured:
    """A snapshot so far, or the last one. ``stopped`` says why a final one came before its time."""

    elapsed_ms: int
    cost: RunCost
    snapshot: Snapshot
    final: bool
    stopped: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing was measured; ``code`` is that of the error tree."""

    code: str
    reason: str


ChildMessage = Attached | Sample | Measured | Failed

_TYPES: Mapping[str, type[ChildMessage]] = {
    "attached": Attached,
    "sample": Sample,
    "measured": Measured,
    "failed": Failed,
}
_NAMES = {message: name for name, message in _TYPES.items()}


def encode(message: ChildMessage | ChildPlan) -> bytes:
    """One line, with its newline. JSON escapes newlines, so that no frame or process name can end it early."""
    data = _fields_of(message)
    if not isinstance(message, ChildPlan):
        data["type"] = _NAMES[type(message)]
    return json.dumps(data, separators=(",", ":"), default=_fields_of).encode() + b"\n"


def _fields_of(thing: Any) -> dict[str, Any]:
    """Of a dataclass, without the copies of everything below that ``asdict`` makes."""
    return {field.name: getattr(thing, field.name) for field in fields(thing)}


def decode_plan(line: bytes) -> ChildPlan:
    """Parse the plan that the agent wrote."""
    data = json.loads(line)
    bounds, calibration = data["one_liner"], data["calibration"]
    return ChildPlan(
        **{
            **data,
            "capabilities": tuple(data["capabilities"]),
            "alternatives": tuple(data["alternatives"]),
            "one_liner": None if bounds is None else OneLinerBounds(**bounds),
            "calibration": None if calibration is None else calibration_from_json(calibration),
        }
    )


def decode_message(line: bytes) -> ChildMessage:
    """Parse one line of a child.

    Raises:
        Malformed: not of the contract, or an invalid snapshot.
    """
    try:
        data = json.loads(line)
        kind = _TYPES[data.pop("type")]
        if "cost" in data:
            data["cost"] = _cost(data["cost"])
        if "held" in data:
            data["held"] = tuple(str(thing) for thing in data["held"])
        if "snapshot" in data:
            data["snapshot"] = _snapshot(data["snapshot"])
            data["notes"] = tuple(str(note) for note in data["notes"])
        return kind(**data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed(f"the tracing child said something outside its contract: {error!r}") from error


def _cost(data: Mapping[str, Any]) -> RunCost:
    return RunCost(
        **{
            **data,
            "events_per_cpu": tuple(data["events_per_cpu"]),
            "hits_by_kind": {HitKind(kind): hits for kind, hits in data["hits_by_kind"].items()},
            "map_fills": tuple(MapFill(**fill) for fill in data["map_fills"]),
        }
    )


def _snapshot(data: Mapping[str, Any]) -> Snapshot:
    snapshot = Snapshot(
        histograms=tuple(
            Histogram(_key(item["key"]), item["unit"], item["scheme"], tuple((i, n) for i, n in item["counts"]))
            for item in data["histograms"]
        ),
        stacks=tuple(
            Stack(tuple(item["frames"]), item["value"], item["unit"], item["events"]) for item in data["stacks"]
        ),
        counts=tuple(Count(_key(item["key"]), item["count"], _sums(item["sums"])) for item in data["counts"]),
        events=tuple(Event(item["at_ms"], _key(item["fields"])) for item in data["events"]),
    )
    snapshot.check_valid()
    return snapshot


def _key(labels: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in labels)


def _sums(pairs: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple((unit, value) for unit, value in pairs)
