"""Recorded samples: what a tool measured once on a real kernel, kept as JSON in the tool's folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fleettrace.errors import BadInput
from fleettrace.model.calibration import HitKind
from fleettrace.model.params import ParamValue
from fleettrace.model.tool import ToolDefinition
from fleettrace.snapshot import Count, Event, Histogram, Snapshot, Stack, merge
from node_agent.backends.port import ProbeStats

__all__ = ["Recording", "Sample", "read_sample", "sample_files", "write_sample"]

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """One run: how long its probes were attached, what they counted and what was recorded."""

    window_s: float
    stats: ProbeStats
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Sample:
    """A trace and the frequency check before it, with where they were taken."""

    tool: str
    kernel_release: str
    arch: str
    params: Mapping[str, ParamValue]
    workload: str
    frequency_check: Recording
    trace: Recording


def sample_files(tool: ToolDefinition) -> list[Path]:
    """The tool's samples, in order of their names."""
    return sorted((tool.directory / "samples").glob("*.json"))


def write_sample(path: Path, sample: Sample) -> None:
    """Write a sample so that a reader, and a diff, can follow it: one entry of a snapshot a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_lines({"schema": SCHEMA, **asdict(sample)}, "") + "\n")


def _lines(value: object, indent: str) -> str:
    """JSON: an object's members and a list's objects on lines of their own, the rest in one line."""
    inner = indent + " "
    match value:
        case dict() if any(isinstance(member, dict | list | tuple) for member in value.values()):
            members = (f"{inner}{json.dumps(name)}: {_lines(member, inner)}" for name, member in value.items())
            return "{\n" + ",\n".join(members) + f"\n{indent}}}"
        case [dict(), *_]:
            items = (inner + json.dumps(item, ensure_ascii=False) for item in value)
            return "[\n" + ",\n".join(items) + f"\n{indent}]"
        case _:
            return json.dumps(value)


def read_sample(path: Path) -> Sample:
    """Read a sample.

    Raises:
        BadInput: the file is not a sample of this schema.
    """
    try:
        data = json.loads(path.read_text())
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}")
        return Sample(
            tool=data["tool"],
            kernel_release=data["kernel_release"],
            arch=data["arch"],
            params=data["params"],
            workload=data["workload"],
            frequency_check=_recording(data["frequency_check"]),
            trace=_recording(data["trace"]),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} is not a recorded sample of schema {SCHEMA}: {error!r}") from error


def _recording(data: Mapping[str, Any]) -> Recording:
    stats = {
        **data["stats"],
        "events_per_cpu": tuple(data["stats"]["events_per_cpu"]),
        # Samples from before calibration do not have it.
        "hits_by_kind": {HitKind(kind): int(hits) for kind, hits in data["stats"].get("hits_by_kind", {}).items()},
    }
    return Recording(float(data["window_s"]), ProbeStats(**stats), _snapshot(data["snapshot"]))


def _snapshot(data: Mapping[str, Any]) -> Snapshot:
    snapshot = Snapshot(
        histograms=tuple(
            Histogram(_key(h["key"]), h["unit"], h["scheme"], tuple((int(i), int(n)) for i, n in h["counts"]))
            for h in data["histograms"]
        ),
        stacks=tuple(Stack(tuple(s["frames"]), s["value"], s["unit"], s.get("events", 0)) for s in data["stacks"]),
        counts=tuple(Count(_key(c["key"]), c["count"], _sums(c.get("sums", []))) for c in data["counts"]),
        events=tuple(Event(e["at_ms"], _key(e["fields"])) for e in data["events"]),
    )
    snapshot.check_valid()
    return merge([snapshot])


def _key(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)


def _sums(pairs: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple((unit, value) for unit, value in pairs)
