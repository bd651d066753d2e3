"""One job over work whose size is known, with other programs beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from fleettrace.catalog import find_tool
from tests.checks.description import Known, Reference
from tests.checks.parts import Part, keyed, part_of_document, recorded
from tests.checks.theirs import read_theirs
from tests.vm.references import running_references
from tests.vm.stage import GUEST, Stage
from tests.vm.work import CALLS, work

__all__ = ["Traced", "traced"]

CANCELLED = 12
"""The command's exit code."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A guest's part, and what the references said of the same work."""

    part: Part
    alternative: str
    theirs: Sequence[tuple[Reference, str]]


def traced(stage: Stage, tool: str, known: Known, references: Sequence[Reference] = ()) -> Traced:
    """A guest's part of a job that began before the work and was cancelled after it, with nothing missing."""
    with (
        work(stage.guest, known.work, known.amount) as going,
        running_references(stage.guest, references, going.pid) as end_references,
    ):
        named = {"{pid}": str(going.pid), "{calls}": CALLS}
        params = {name: named.get(str(value), str(value)) for name, value in known.params.items()}
        job = stage.begin(tool, params)
        if not job.wait_tracing():
            pytest.fail(f"{tool} did not trace: {job.finish()}")
        done_at_s = going.run()
        code, document, told = job.cancel()
        assert code == CANCELLED, f"{tool} ended before its work did: {told}"
        assert len(document["hosts"]) == 1, (told, document["coverage"])
        (host,) = document["hosts"]
        said = end_references(partial(_has_all, part_of_document(host)))
    # Both by the guest's clock.
    assert done_at_s < datetime.fromisoformat(host["started_at"]).timestamp() + host["duration_s"]
    return Traced(_whole(tool, known, host), host["alternative"], said)


def _has_all(part: Part, reference: Reference, printed: str) -> bool:
    return sum(read_theirs(reference.theirs, printed).values()) >= sum(keyed(reference.ours, part).values())


def _whole(tool: str, known: Known, host: dict[str, Any]) -> Part:
    assert (host["host"], host["outcome"]) == (GUEST, "partial"), host["reason"]
    definition = find_tool(tool)
    names = {alternative.name for alternative in definition.alternatives}
    assert host["alternative"] in ({known.alternative} if known.alternative else names)
    part = part_of_document(host)
    assert recorded(definition, part) + part.lost_events == part.total_events
    return part
