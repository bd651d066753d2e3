"""One job over work whose size is known, with other programs beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from fleettrace.catalog import find_tool
from tests.checks.description import Known, Reference
from tests.checks.parts import Part, part_of_document, recorded
from tests.vm.references import running_references
from tests.vm.stage import GUEST, LONGEST_S, Stage
from tests.vm.work import CALLS, work

__all__ = ["Traced", "traced"]


@dataclass(frozen=True, slots=True)
class Traced:
    """A guest's part, and what the references said of the same work."""

    part: Part
    alternative: str
    theirs: Sequence[tuple[Reference, str]]


def traced(stage: Stage, tool: str, known: Known, references: Sequence[Reference] = ()) -> Traced:
    """A guest's part of a job that began before the work and ended after it, with nothing missing."""
    for duration in stage.durations():
        with (
            work(stage.guest, known.work, known.amount) as going,
            running_references(stage.guest, references, going.pid) as end_references,
        ):
            named = {"{pid}": str(going.pid), "{calls}": CALLS}
            params = {name: named.get(str(value), str(value)) for name, value in known.params.items()}
            job = stage.begin(tool, params, duration)
            if not job.wait_tracing():
                pytest.fail(f"{tool} did not trace: {job.finish()}")
            done_at_s = going.run()
            said = end_references()
            code, document, told = job.finish()
        assert code == 0, told
        (host,) = document["hosts"]
        # Both by the guest's clock.
        if done_at_s < datetime.fromisoformat(host["started_at"]).timestamp() + host["duration_s"]:
            return Traced(_whole(tool, known, host), host["alternative"], said)
    pytest.fail(f"the work took longer than {LONGEST_S} s")


def _whole(tool: str, known: Known, host: dict[str, Any]) -> Part:
    assert (host["host"], host["outcome"]) == (GUEST, "complete"), host["reason"]
    definition = find_tool(tool)
    names = {alternative.name for alternative in definition.alternatives}
    assert host["alternative"] in ({known.alternative} if known.alternative else names)
    part = part_of_document(host)
    assert recorded(definition, part) + part.lost_events == part.total_events
    return part
