"""The store on SQLite: one file, one writing connection, write-ahead log, every commit synced.

:meth:`SqliteStore.open` and all methods belong in one thread, as SQLite's connection does.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from controller.audit.chain import entry_of
from controller.audit.epochs import epoch_entry
from controller.audit.jobs import job_entries
from controller.store.audit_log import AuditLog
from controller.store.identity_sqlite import SqliteIdentities
from controller.store.kept_jobs import KeptJobs
from controller.store.kept_parts import KeptParts
from controller.store.lock import DatabaseLock
from controller.store.opening import check_place, connect, holds_database
from controller.store.port import SeenBy
from controller.store.rows import host_of_row, host_row
from controller.store.sharing import Shares, seen_by_condition
from controller.store.tables import Arguments, Tables
from fleettrace.model.audit import AuditEntry, AuditFilter, AuditHead, AuditRecord
from fleettrace.model.host import Host
from fleettrace.model.job import HostPart, Job, JobState
from fleettrace.model.order import Authority
from fleettrace.snapshot import Snapshot

__all__ = ["SqliteStore"]

_SIDE_FILES = ("-journal", "-wal", "-shm")


class SqliteStore:
    """Implements :class:`~controller.store.port.Store`, which says what each method does."""

    def __init__(self, tables: Tables, lock: DatabaseLock) -> None:
        self._tables = tables
        self._audit = AuditLog(tables)
        self._jobs = KeptJobs(tables)
        self._parts = KeptParts(tables)
        self._shares = Shares(tables)
        self.identities = SqliteIdentities(tables, self._audit)
        self._lock = lock
        # Running jobs as last saved: the next save writes what changed, and not a thousand runs each time.
        self._saved: dict[str, Job] = {}

    @classmethod
    def open(cls, path: Path | str, *, controller_id: str) -> Self:
        """Open a database, or make one where there is none; a refusal changes nothing and leaves nothing behind.

        ``controller_id`` is what another controller is told that wants the same file.

        Raises:
            StoreFailed: the file is something else, a newer version's, damaged, read-only or in use.
        """
        path = Path(path).resolve()
        check_place(path)
        lock = DatabaseLock(path, controller_id)
        existed = path.exists()
        fresh = False
        try:
            fresh = not holds_database(path)
            return cls(Tables(path, connect(path, fresh=fresh)), lock)
        except BaseException:
            if fresh:
                for suffix in _SIDE_FILES:
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
                if existed:
                    os.truncate(path, 0)  # it was there, and empty
                else:
                    path.unlink(missing_ok=True)
            lock.release()
            raise

    def save_host(self, host: Host, audit: Sequence[AuditEntry] = ()) -> None:
        """Insert or replace a host."""
        with self._tables.writing():
            self._tables.upsert("hosts", [host_row(host)], "name")
            self._audit.append(audit)

    def hosts(self) -> list[Host]:
        """All hosts, by name."""
        with self._tables.reading():
            return [host_of_row(row) for row in self._tables.rows("hosts", order_by="name")]

    def save_job(self, job: Job, request_id: str = "", audit: Sequence[AuditEntry] = ()) -> None:
        """Insert or replace a job with its decisions and runs; writes what changed since its last save."""
        job_id = job.spec.job_id
        before = self._saved.get(job_id) or self.job(job_id)
        with self._tables.writing():
            self._jobs.save(before, job, request_id)
            self._audit.append([*job_entries(before, job), *audit])
        if job.state.ended:
            self._saved.pop(job_id, None)
        else:
            self._saved[job_id] = job

    def job(self, job_id: str) -> Job | None:
        """One job, or None."""
        jobs = self._select("job_id = ?", [job_id])
        return jobs[0] if jobs else None

    def job_id_of_request(self, request_id: str) -> str | None:
        """The job that this request made, or None."""
        with self._tables.reading():
            return self._jobs.id_of_request(request_id)

    def share_job(self, request_id: str, job_id: str, audit: Sequence[AuditEntry] = ()) -> None:
        """Note that a request was given another's job."""
        with self._tables.writing():
            self._jobs.give(request_id, job_id)
            self._audit.append(audit)

    def jobs(self, limit: int, seen_by: SeenBy | None = None) -> list[Job]:
        """The newest jobs first."""
        where, arguments = seen_by_condition(seen_by) if seen_by is not None else (None, [])
        return self._select(where, arguments, order_by="created_at_ms DESC, rowid DESC", limit=max(limit, 0))

    def set_share(self, job_id: str, team: str, shared: bool, audit: Sequence[AuditEntry] = ()) -> None:
        """Let a team see a job, or no longer."""
        with self._tables.writing():
            self._jobs.check(job_id)
            (self._shares.add if shared else self._shares.remove)(job_id, team)
            self._audit.append(audit)

    def shares(self, job_id: str) -> tuple[str, ...]:
        """The teams that a job is shared with."""
        with self._tables.reading():
            return self._shares.of(job_id)

    def teams(self) -> list[str]:
        """Every team that has asked for a job."""
        with self._tables.reading():
            return self._shares.teams()

    def granted_since(self, team: str, since_ms: int) -> dict[str, int]:
        """How many jobs of a team each rule has let run."""
        with self._tables.reading():
            return self._shares.granted_since(team, since_ms)

    def unfinished_jobs(self) -> list[Job]:
        """Jobs that have not ended, oldest first."""
        return self._select("NOT ended", order_by="created_at_ms, rowid")

    def aborted_jobs(self, since_ms: int, limit: int) -> list[Job]:
        """Jobs that were aborted, newest first."""
        return self._select(
            "state = ? AND finished_at_ms >= ?",
            [JobState.ABORTED.value, since_ms],
            order_by="finished_at_ms DESC, rowid DESC",
            limit=max(limit, 0),
        )

    def save_part(self, part: HostPart) -> bool:
        """Keep a part by its run key; False when nothing changed."""
        with self._tables.writing():
            self._jobs.check(part.part.run.job_id)
            return self._parts.save(part)

    def parts(self, job_id: str, host: str | None = None) -> list[HostPart]:
        """The parts of a job's trace runs, by host and attempt."""
        with self._tables.reading():
            return self._parts.of(job_id, host)

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        """Insert or replace the merge of a job's parts."""
        with self._tables.writing():
            self._jobs.check(job_id)
            self._parts.save_merged(job_id, merged)

    def merged(self, job_id: str) -> Snapshot | None:
        """The kept merge, or None."""
        with self._tables.reading():
            return self._parts.merged(job_id)

    def begin_epoch(self, controller_id: str, at_ms: int, at_least: int = 1) -> Authority:
        """Number this start of a controller."""
        with self._tables.writing():
            last = self._tables.rows("epochs", order_by="epoch DESC", limit=1)
            epoch = max(last[0]["epoch"] + 1 if last else 1, at_least)
            row = {"epoch": epoch, "controller_id": controller_id, "started_at_ms": at_ms}
            self._tables.insert("epochs", [row])
            (first,) = self._audit.records(AuditFilter(), 0, 1, 1, oldest_first=True)
            authority = Authority(entry_of(first).subject, epoch, controller_id)
            self._audit.append([epoch_entry(authority, at_ms)])
        return authority

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries to the audit log."""
        with self._tables.writing():
            self._audit.append(entries)

    def audit_head(self) -> AuditHead:
        """The newest entry of the audit log."""
        with self._tables.reading():
            return self._audit.head()

    def audit_records(
        self, wanted: AuditFilter, after: int, up_to: int, limit: int, *, oldest_first: bool = True
    ) -> list[AuditRecord]:
        """A page of the audit log."""
        with self._tables.reading():
            return self._audit.records(wanted, after, up_to, limit, oldest_first=oldest_first)

    def close(self) -> None:
        """Close the database and let another controller have it; idempotent."""
        self._tables.close()
        self._lock.release()

    def _select(
        self, where: str | None = None, arguments: Arguments = (), *, order_by: str = "", limit: int = -1
    ) -> list[Job]:
        with self._tables.reading():
            return self._jobs.select(where, arguments, order_by=order_by, limit=limit)
