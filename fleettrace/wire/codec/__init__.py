"""protobuf <-> model: the one translation.

``x_to_wire(model)`` is total on valid models. ``x_from_wire(message)`` parses: it gives back a model that needs no
further checks, or raises :class:`~fleettrace.errors.Malformed` with one sentence. An absent message means "not
known" and reads as the model's default. ``x_from_wire(x_to_wire(model)) == model`` for every model that the wire
can carry; what it cannot carry is text that is no valid UTF-8, see :func:`wire_text`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fleettrace.wire.codec.costs import run_cost_from_wire, run_cost_to_wire
from fleettrace.wire.codec.fields import MAX_ID_CHARS, MAX_NUMBER, wire_text
from fleettrace.wire.codec.hosts import host_facts_from_wire, host_facts_to_wire, host_from_wire, host_to_wire
from fleettrace.wire.codec.inspection import (
    about_from_wire,
    about_to_wire,
    answer_from_wire,
    answer_to_wire,
    asked_host_from_wire,
    asked_host_to_wire,
    host_answer_from_wire,
    host_answer_to_wire,
    question_from_wire,
    question_to_wire,
)
from fleettrace.wire.codec.orders import (
    authority_from_wire,
    authority_to_wire,
    key_vouch_from_wire,
    key_vouch_to_wire,
    signed_from_wire,
    signed_to_wire,
)
from fleettrace.wire.codec.parts import part_from_wire, part_to_wire
from fleettrace.wire.codec.runs import (
    run_key_from_wire,
    run_key_to_wire,
    run_kind_from_wire,
    run_kind_to_wire,
    run_outcome_from_wire,
    run_outcome_to_wire,
)
from fleettrace.wire.codec.snapshots import snapshot_from_wire, snapshot_to_wire
from fleettrace.wire.codec.starts import (
    run_limits_from_wire,
    run_limits_to_wire,
    start_run_from_wire,
    start_run_to_wire,
)

if TYPE_CHECKING:
    from fleettrace.wire.codec.audit import audit_page_from_wire, audit_page_to_wire
    from fleettrace.wire.codec.findings import (
        histogram_reading_from_wire,
        histogram_reading_to_wire,
        suspect_from_wire,
        suspect_to_wire,
    )
    from fleettrace.wire.codec.jobs import job_from_wire, job_to_wire
    from fleettrace.wire.codec.pieces import (
        job_result_from_pieces,
        job_result_to_pieces,
        job_totals_from_pieces,
        job_totals_to_pieces,
    )
    from fleettrace.wire.codec.policy import policy_answer_from_wire, policy_answer_to_wire
    from fleettrace.wire.codec.results import (
        coverage_from_wire,
        coverage_to_wire,
        host_part_from_wire,
        host_part_to_wire,
    )
    from fleettrace.wire.codec.tools import tool_from_wire, tool_to_wire

__all__ = [
    "MAX_ID_CHARS",
    "MAX_NUMBER",
    "about_from_wire",
    "about_to_wire",
    "answer_from_wire",
    "answer_to_wire",
    "asked_host_from_wire",
    "asked_host_to_wire",
    "audit_page_from_wire",
    "audit_page_to_wire",
    "authority_from_wire",
    "authority_to_wire",
    "coverage_from_wire",
    "coverage_to_wire",
    "histogram_reading_from_wire",
    "histogram_reading_to_wire",
    "host_answer_from_wire",
    "host_answer_to_wire",
    "host_facts_from_wire",
    "host_facts_to_wire",
    "host_from_wire",
    "host_part_from_wire",
    "host_part_to_wire",
    "host_to_wire",
    "job_from_wire",
    "job_result_from_pieces",
    "job_result_to_pieces",
    "job_to_wire",
    "job_totals_from_pieces",
    "job_totals_to_pieces",
    "key_vouch_from_wire",
    "key_vouch_to_wire",
    "part_from_wire",
    "part_to_wire",
    "policy_answer_from_wire",
    "policy_answer_to_wire",
    "question_from_wire",
    "question_to_wire",
    "run_cost_from_wire",
    "run_cost_to_wire",
    "run_key_from_wire",
    "run_key_to_wire",
    "run_kind_from_wire",
    "run_kind_to_wire",
    "run_limits_from_wire",
    "run_limits_to_wire",
    "run_outcome_from_wire",
    "run_outcome_to_wire",
    "signed_from_wire",
    "signed_to_wire",
    "snapshot_from_wire",
    "snapshot_to_wire",
    "start_run_from_wire",
    "start_run_to_wire",
    "suspect_from_wire",
    "suspect_to_wire",
    "tool_from_wire",
    "tool_to_wire",
    "wire_text",
]

_OF_OPERATORS = ("audit", "findings", "jobs", "pieces", "policy", "results", "tools")
"""What goes between controller and operators alone is loaded when it is first asked for: an agent is smaller by it."""


def __getattr__(name: str) -> Any:
    """Called for what is not here yet (PEP 562)."""
    for module in _OF_OPERATORS if name in __all__ else ():
        found = getattr(import_module(f"{__name__}.{module}"), name, None)
        if found is not None:
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
