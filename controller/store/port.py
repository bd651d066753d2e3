"""The store's port: what the controller keeps. SQLite implements it, and so does the twin in memory of the tests."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from controller.store.identity_port import IdentityStore
from fleettrace.model.audit import AuditEntry, AuditFilter, AuditHead, AuditRecord
from fleettrace.model.host import Host
from fleettrace.model.job import HostPart, Job
from fleettrace.model.order import Authority
from fleettrace.snapshot import Snapshot

__all__ = ["SeenBy", "Store"]


class SeenBy(NamedTuple):
    """Jobs of the teams ``owners``, and those that are shared with one of the teams ``own``."""

    owners: tuple[str, ...]
    own: tuple[str, ...]


class Store(Protocol):
    """Everything durable. Each method is one transaction: it happens whole or not at all.

    Methods block and are called from one thread. All raise :class:`~fleettrace.errors.StoreFailed` when the
    database cannot be used, or is closed; a host or a job that could not be read back is refused as
    :class:`~fleettrace.errors.Malformed` instead of being written. Text reads back as
    :func:`~fleettrace.wire.codec.wire_text` has it.
    """

    @property
    def identities(self) -> IdentityStore:
        """Who may come in."""

    def save_host(self, host: Host, audit: Sequence[AuditEntry] = ()) -> None:
        """Insert or replace a host by its name; ``audit`` is what that records."""

    def hosts(self) -> list[Host]:
        """All hosts ever seen, by name; all of them not connected when the store was just opened."""

    def save_job(self, job: Job, request_id: str = "", audit: Sequence[AuditEntry] = ()) -> None:
        """Insert or replace a job with its decisions and runs. ``request_id`` is kept from the first save.

        What the change of the job decides goes into the audit log by itself, before ``audit``
        (:func:`~controller.audit.jobs.job_entries`).
        A new job with a request that has made another job is refused with ``StoreFailed``.
        """

    def job(self, job_id: str) -> Job | None:
        """One job, or None."""

    def job_id_of_request(self, request_id: str) -> str | None:
        """The job that this request made or was given, so that a repeated request makes no second one."""

    def share_job(self, request_id: str, job_id: str, audit: Sequence[AuditEntry] = ()) -> None:
        """Note that a request was given the job that another one had made; its repeats get the same.

        A request without an id is in the audit log alone.

        Raises:
            NotFound: there is no such job.
            StoreFailed: the request has a job already.
        """

    def jobs(self, limit: int, seen_by: SeenBy | None = None) -> list[Job]:
        """The newest jobs first, of all teams or as ``seen_by`` says."""

    def set_share(self, job_id: str, team: str, shared: bool, audit: Sequence[AuditEntry] = ()) -> None:
        """Let a team see a job, or no longer; twice is as once.

        Raises:
            NotFound: there is no such job.
        """

    def shares(self, job_id: str) -> tuple[str, ...]:
        """The teams that a job is shared with, by name."""

    def teams(self) -> list[str]:
        """Every team that has asked for a job, by name."""

    def granted_since(self, team: str, since_ms: int) -> dict[str, int]:
        """How many of a team's jobs that were asked for after a time each rule has let run, or wait for approval."""

    def unfinished_jobs(self) -> list[Job]:
        """Jobs whose state has not ended, oldest first."""

    def aborted_jobs(self, since_ms: int, limit: int) -> list[Job]:
        """The newest jobs that ended as aborted at or after a time, newest first."""

    def save_part(self, part: HostPart) -> bool:
        """Keep a part, by its run key; False when nothing changed.

        A final part replaces an interim one and is itself never replaced, so that a part that is sent twice
        counts once.

        Raises:
            Malformed: two stacks with one hash but different frames (they are never merged).
            NotFound: there is no such job.
        """

    def parts(self, job_id: str, host: str | None = None) -> list[HostPart]:
        """The parts of a job's trace runs (not of its frequency checks), by host and attempt."""

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        """Keep the merge of a job's parts beside them, instead of an earlier one.

        Raises:
            Malformed: two stacks with one hash but different frames.
            NotFound: there is no such job.
        """

    def merged(self, job_id: str) -> Snapshot | None:
        """The kept merge, or None when the job has none yet."""

    def begin_epoch(self, controller_id: str, at_ms: int, at_least: int = 1) -> Authority:
        """Number this start of a controller: later than every one before, and at least ``at_least``; it is audited."""

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries to the audit log that go with nothing else."""

    def audit_head(self) -> AuditHead:
        """The newest entry of the audit log. There is always one: the first names the database."""

    def audit_records(
        self, wanted: AuditFilter, after: int, up_to: int, limit: int, *, oldest_first: bool = True
    ) -> list[AuditRecord]:
        """Entries with ``after < number <= up_to`` that are wanted, in order; at most ``limit``.

        Fewer when they are large: a page ends before it holds more than 8 MiB, but not before its first entry.
        """

    def close(self) -> None:
        """Close the database; idempotent."""
