"""What must hold of the audit log, save by save: nothing is decided without an entry, and the chain is whole."""

from collections import Counter
from typing import TYPE_CHECKING

from controller.audit.chain import Verifier
from fleettrace.errors import AuditBroken
from fleettrace.model.audit import AuditEntry
from fleettrace.model.job import Job, JobState
from tests.simulation.story import Story

if TYPE_CHECKING:
    from tests.simulation.disk import Disk

__all__ = ["AuditWatch"]


class AuditWatch:
    """The log as it was read last."""

    def __init__(self, story: Story, disk: "Disk") -> None:
        self._story = story
        self._disk = disk
        self._verifier = Verifier()

    def check_saved(self, before: Job | None, job: Job) -> None:
        """A job was saved: what it decided since is in what the log has gained."""
        new = [entry for entry in self.read() if entry.subject == job.spec.job_id]
        said = Counter((entry.kind, entry.outcome) for entry in new)
        decided = job.decisions[len(before.decisions) if before is not None else 0 :]
        wanted = Counter((f"job.{decision.kind}", decision.verdict) for decision in decided)
        if job.state.ended and job.state is not JobState.REFUSED and (before is None or not before.state.ended):
            wanted["job.end", job.state] += 1
        if missing := wanted - said:
            self._story.fail("I10 every decision has its audit entry", f"{job.spec.job_id}: {dict(missing)}")
        old = before.runs if before is not None else {}
        ordered = {key.host for key in job.runs if key not in old}
        told = {host for entry in new if entry.kind == "job.order" for host in entry.hosts}
        if ordered != told:
            self._story.fail("I10 every order has its audit entry", f"{job.spec.job_id}: {sorted(ordered ^ told)}")

    def read(self) -> list[AuditEntry]:
        """Entries since the last time."""
        kept = self._disk.kept._kept.audit
        try:
            return [self._verifier.take(record) for record in kept[self._verifier.head.number :]]
        except AuditBroken as error:
            self._story.fail("I10 the audit log is one chain", str(error))
            return []
