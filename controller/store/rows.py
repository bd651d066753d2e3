"""Rows of the database: the columns that people query, and the message that is read back."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fleettrace.errors import Malformed
from fleettrace.model.host import Host
from fleettrace.model.job import Decision, HostPart, Job
from fleettrace.model.run import RunKey
from fleettrace.wire.codec import host_from_wire, host_to_wire, job_from_wire, job_to_wire, wire_text
from fleettrace.wire.v1 import control_pb2 as control

__all__ = [
    "OF_RUN",
    "RUN_COLUMNS",
    "UNSEEN_REASON",
    "Row",
    "check_job",
    "decision_rows",
    "host_of_row",
    "host_row",
    "job_of_rows",
    "job_rows",
    "key_columns",
    "part_row",
]

Row = Mapping[str, Any]

RUN_COLUMNS = ("job_id", "host", "attempt")
"""They identify a run."""
OF_RUN = "job_id = :job_id AND host = :host AND attempt = :attempt"
"""The rows of one run; :func:`key_columns` gives the arguments."""

_DECISION = ("at_ms", "kind", "verdict", "reason", "rule", "operator")

UNSEEN_REASON = "not connected since the controller started"
"""Why a host is missing that was connected when the last controller ended."""


def key_columns(key: RunKey) -> dict[str, Any]:
    """A run's :data:`RUN_COLUMNS`."""
    return {"job_id": key.job_id, "host": key.host, "attempt": key.attempt}


def host_row(host: Host) -> Row:
    """A host's row; its connection is in its columns alone."""
    message = host_to_wire(host)
    host_from_wire(message)  # what could not be read back is not written
    return {
        "name": message.name,
        "labels": json.dumps(dict(message.labels), sort_keys=True),
        "host_class": message.host_class,
        "connected": int(message.connected),
        "missing_reason": message.missing_reason,
        "last_seen_ms": message.last_seen_ms,
        "host": message.SerializeToString(deterministic=True),
    }


def host_of_row(row: Row) -> Host:
    """The host of a row."""
    host = host_from_wire(control.Host.FromString(row["host"]))
    return replace(host, connected=bool(row["connected"]), missing_reason=row["missing_reason"])


def check_job(job: Job) -> Job:
    """The job as it will read back; raises :class:`Malformed` instead of writing what could not be read back."""
    if any(key.job_id != job.spec.job_id for key in job.runs):
        raise Malformed(f"job {job.spec.job_id} names a run of another job")
    return job_from_wire(job_to_wire(job))


def job_rows(job: Job) -> tuple[Row, list[Row]]:
    """The row of a job and those of its runs; its decisions are apart."""
    message = job_to_wire(check_job(job))
    run_rows: list[Row] = [
        {
            **key_columns(run.key),
            "kind": run.kind.value,
            "state": run.state.value,
            "reason": run_message.reason,
            "events": run.cost.events,
            "lost_events": run.cost.lost_events,
            "run": run_message.SerializeToString(deterministic=True),
        }
        for run, run_message in zip(job.runs.values(), message.runs, strict=True)
    ]
    message.ClearField("runs")
    message.ClearField("decisions")
    job_row = {
        "job_id": message.job_id,
        "tool": message.tool,
        "team": message.team,
        "operator": message.operator,
        "selector": message.selector,
        "duration_ms": message.duration_ms,
        "state": message.state,
        "ended": int(job.state.ended),
        "reason": message.reason,
        "created_at_ms": message.created_at_ms,
        "finished_at_ms": message.finished_at_ms,
        "job": message.SerializeToString(deterministic=True),
    }
    return job_row, run_rows


def decision_rows(job_id: str, decisions: Mapping[int, Decision]) -> list[Row]:
    """A row for each numbered decision."""
    return [
        {
            "job_id": job_id,
            "number": number,
            "at_ms": decision.at_ms,
            "kind": decision.kind,
            "verdict": decision.verdict,
            "reason": wire_text(decision.reason),
            "rule": wire_text(decision.rule),
            "operator": wire_text(decision.operator),
        }
        for number, decision in decisions.items()
    ]


def job_of_rows(job: Row, runs: Iterable[Row], decisions: Iterable[Row]) -> Job:
    """The job of its rows."""
    message = control.Job.FromString(job["job"])
    for run in runs:
        message.runs.add().MergeFromString(run["run"])
    for row in decisions:
        message.decisions.add(**{name: row[name] for name in _DECISION})
    return job_from_wire(message)


def part_row(part: HostPart, packed: bytes) -> Row:
    """A part's row, with the part as it is kept."""
    cost = part.part.cost
    return {
        **key_columns(part.part.run),
        "kind": part.part.kind.value,
        "final": int(part.part.final),
        "outcome": part.part.outcome.value,
        "reason": wire_text(part.part.reason),
        "backend": part.part.backend,
        "started_at_ms": part.part.started_at_ms,
        "duration_ms": part.part.duration_ms,
        "events": cost.events,
        "lost_events": cost.lost_events,
        "truncated_stacks": cost.truncated_stacks,
        "part": packed,
    }
