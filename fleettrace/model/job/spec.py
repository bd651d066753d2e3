"""What was asked for and granted: fixed for a job's life."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleettrace.model.job.states import Priority
from fleettrace.model.params import ParamValue
from fleettrace.model.redaction import NOTHING, Rule

__all__ = ["JobSpec", "program_id"]


def program_id(digest: str, params: Mapping[str, ParamValue]) -> str:
    """Identity of what is loaded (16 hex digits): the tool's digest with its parameters, filters among them.

    A narrower filter makes another program, which may well be cheap enough.
    """
    text = json.dumps([digest, dict(params)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What was asked for and granted; fixed for the job's life.

    ``targets`` are the hosts that the selector matched when the job was submitted; ``missing`` those of
    them that could not take part from the start, with the reason.
    """

    job_id: str
    tool: str
    digest: str
    params: Mapping[str, ParamValue]
    selector: str
    duration_ms: int
    team: str
    operator: str
    promote: bool
    created_at_ms: int
    targets: tuple[str, ...]
    missing: Mapping[str, str] = field(default_factory=dict)
    despite_aborts: bool = False
    """Asked for although the same program was aborted before."""
    dry_run: bool = False
    """Ends at the gate."""
    program: str = ""
    """Of a one-liner, in its canonical text; empty for a tool of the catalogue."""
    priority: Priority = Priority.ROUTINE
    approve_by_ms: int = 0
    """Until when (Unix ms) it waits for a second person; 0: it needs none."""
    break_glass: str = ""
    """Why it runs by a grant for emergencies; empty: it does not."""
    redact: tuple[Rule, ...] = NOTHING
    """What each host hides of its result."""
    class_labels: tuple[str, ...] = ()
    """Labels whose values tell classes of hosts apart, beside those that policy names."""

    @property
    def program_id(self) -> str:
        """What is loaded; see :func:`program_id`."""
        return program_id(self.digest, self.params)
