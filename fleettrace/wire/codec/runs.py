"""A run's identity on the wire, what it is for, and how it ended."""

from fleettrace.errors import Malformed
from fleettrace.model.run import RunKey, RunKind, RunOutcome
from fleettrace.wire.codec.fields import parse_host_name, parse_id
from fleettrace.wire.v1 import types_pb2 as types

__all__ = [
    "run_key_from_wire",
    "run_key_to_wire",
    "run_kind_from_wire",
    "run_kind_to_wire",
    "run_outcome_from_wire",
    "run_outcome_to_wire",
]

_KINDS = {
    RunKind.FREQUENCY_CHECK: types.RUN_KIND_FREQUENCY_CHECK,
    RunKind.TRACE: types.RUN_KIND_TRACE,
    RunKind.TRIAL: types.RUN_KIND_TRIAL,
}
_KIND_OF = {value: kind for kind, value in _KINDS.items()}
_OUTCOMES = {
    RunOutcome.COMPLETE: types.RUN_OUTCOME_COMPLETE,
    RunOutcome.PARTIAL: types.RUN_OUTCOME_PARTIAL,
    RunOutcome.FAILED: types.RUN_OUTCOME_FAILED,
}
_OUTCOME_OF = {value: outcome for outcome, value in _OUTCOMES.items()}


def run_kind_to_wire(kind: RunKind) -> "types.RunKind.ValueType":
    """The enum's number."""
    return _KINDS[kind]


def run_kind_from_wire(value: "types.RunKind.ValueType") -> RunKind:
    """Raises :class:`Malformed` for 0 (not given) and numbers that this version does not know."""
    if value not in _KIND_OF:
        raise Malformed(f"{value} is no kind of run that this version knows")
    return _KIND_OF[value]


def run_outcome_to_wire(outcome: RunOutcome) -> "types.RunOutcome.ValueType":
    """The enum's number."""
    return _OUTCOMES[outcome]


def run_outcome_from_wire(value: "types.RunOutcome.ValueType") -> RunOutcome:
    """Raises :class:`Malformed` for 0 (not given) and numbers that this version does not know."""
    if value not in _OUTCOME_OF:
        raise Malformed(f"{value} is no outcome of a run that this version knows")
    return _OUTCOME_OF[value]


def run_key_to_wire(key: RunKey) -> types.RunKey:
    """The identity of a run."""
    return types.RunKey(job_id=key.job_id, host=key.host, attempt=key.attempt)


def run_key_from_wire(message: types.RunKey) -> RunKey:
    """Raises :class:`Malformed` for an empty job id, a name that no host can have, and attempt 0."""
    if message.attempt < 1:
        raise Malformed("a run's attempts are counted from 1")
    return RunKey(parse_id(message.job_id, "job id"), parse_host_name(message.host), message.attempt)
