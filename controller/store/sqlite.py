"""The store on SQLite: one file, one writing connection, write-ahead log, every commit synced.

:meth:`SqliteStore.open` and all methods belong in one thread, as SQLite's connection does.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from controller.audit.chain import entry_of
from controller.audit.epochs import epoch_entry
from controller.audit.jobs import job_entries
from controller.store.audit_log import AuditLog
from controller.store.blobs import pack_merged, pack_part, unpack_merged, unpack_parts
from controller.store.chains import KeptChains
from controller.store.identity_sqlite import SqliteIdentities
from controller.store.lock import DatabaseLock
from controller.store.opening import check_place, connect, holds_database
from controller.store.port import SeenBy
from controller.store.rows import (
    decision_rows,
    host_of_row,
    host_row,
    job_of_rows,
    job_rows,
    key_columns,
    part_row,
)
from controller.store.sharing import Shares, seen_by_condition
from controller.store.tables import Arguments, Tables
from fleettrace.errors import NotFound, StoreFailed
from fleettrace.model.audit import AuditEntry, AuditFilter, AuditHead, AuditRecord
from fleettrace.model.host import Host
from fleettrace.model.job import HostPart, Job, JobState
from fleettrace.model.order import Authority
from fleettrace.model.run import RunKind
from fleettrace.snapshot import Snapshot

__all__ = ["SqliteStore"]

_SIDE_FILES = ("", "-journal", "-wal", "-shm")
_RUN = ("job_id", "host", "attempt")
_OF_RUN = "job_id = :job_id AND host = :host AND attempt = :attempt"


class SqliteStore:
    """Implements :class:`~controller.store.port.Store`, which says what each method does."""

    def __init__(self, tables: Tables, lock: DatabaseLock) -> None:
        self._tables = tables
        self._audit = AuditLog(tables)
        self._chains = KeptChains(tables)
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
                    path.touch()  # it was there, and empty
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
        old_runs = before.runs if before else {}
        old_decisions = before.decisions if before else ()
        changed_runs = {key: run for key, run in job.runs.items() if old_runs.get(key) != run}
        changed_decisions = {
            number: decision
            for number, decision in enumerate(job.decisions)
            if old_decisions[number : number + 1] != (decision,)
        }
        job_row, run_rows = job_rows(replace(job, runs=changed_runs))
        with self._tables.writing():
            if before is None:
                self._check_request(request_id)
                job_row = {**job_row, "request_id": request_id or None}
            self._tables.upsert("jobs", [job_row], "job_id")
            self._tables.upsert("runs", run_rows, *_RUN)
            self._tables.upsert("decisions", decision_rows(job_id, changed_decisions), "job_id", "number")
            for key in old_runs.keys() - job.runs.keys():
                self._tables.delete("runs", _OF_RUN, key_columns(key))
            self._tables.delete("decisions", "job_id = ? AND number >= ?", [job_id, len(job.decisions)])
            self._audit.append([*job_entries(before, job), *audit])
        if job.state.ended:
            self._saved.pop(job_id, None)
        else:
            self._saved[job_id] = job

    def job(self, job_id: str) -> Job | None:
        """One job, or None."""
        jobs = self._jobs("job_id = ?", [job_id])
        return jobs[0] if jobs else None

    def job_id_of_request(self, request_id: str) -> str | None:
        """The job that this request made, or None."""
        with self._tables.reading():
            rows = self._tables.rows("jobs", "request_id = ?", [request_id])
            rows = rows or self._tables.rows("shared_requests", "request_id = ?", [request_id])
        return rows[0]["job_id"] if rows else None

    def share_job(self, request_id: str, job_id: str, audit: Sequence[AuditEntry] = ()) -> None:
        """Note that a request was given another's job."""
        with self._tables.writing():
            self._check_job(job_id)
            self._check_request(request_id)
            if request_id:
                self._tables.upsert("shared_requests", [{"request_id": request_id, "job_id": job_id}], "request_id")
            self._audit.append(audit)

    def jobs(self, limit: int, seen_by: SeenBy | None = None) -> list[Job]:
        """The newest jobs first."""
        where, arguments = seen_by_condition(seen_by) if seen_by is not None else (None, [])
        return self._jobs(where, arguments, order_by="created_at_ms DESC, rowid DESC", limit=max(limit, 0))

    def set_share(self, job_id: str, team: str, shared: bool, audit: Sequence[AuditEntry] = ()) -> None:
        """Let a team see a job, or no longer."""
        with self._tables.writing():
            self._check_job(job_id)
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
        return self._jobs("NOT ended", order_by="created_at_ms, rowid")

    def aborted_jobs(self, since_ms: int, limit: int) -> list[Job]:
        """Jobs that were aborted, newest first."""
        return self._jobs(
            "state = ? AND finished_at_ms >= ?",
            [JobState.ABORTED.value, since_ms],
            order_by="finished_at_ms DESC, rowid DESC",
            limit=max(limit, 0),
        )

    def save_part(self, part: HostPart) -> bool:
        """Keep a part by its run key; False when nothing changed."""
        key = key_columns(part.part.run)
        with self._tables.writing():
            self._check_job(part.part.run.job_id)
            kept = self._tables.rows("parts", _OF_RUN, key)
            if kept and kept[0]["final"]:
                return False
            packed = pack_part(part, self._chains)
            if kept and kept[0]["part"] == packed:
                return False
            self._tables.upsert("parts", [part_row(part, packed)], *_RUN)
        return True

    def parts(self, job_id: str, host: str | None = None) -> list[HostPart]:
        """The parts of a job's trace runs, by host and attempt."""
        with self._tables.reading():
            rows = self._tables.rows(
                "parts",
                "job_id = :job_id AND kind = :kind AND (:host IS NULL OR host = :host)",
                {"job_id": job_id, "kind": RunKind.TRACE.value, "host": host},
                order_by="host, attempt",
            )
            return unpack_parts([row["part"] for row in rows], self._chains)

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        """Insert or replace the merge of a job's parts."""
        with self._tables.writing():
            self._check_job(job_id)
            packed = pack_merged(merged, self._chains)
            self._tables.upsert("merged", [{"job_id": job_id, "snapshot": packed}], "job_id")

    def merged(self, job_id: str) -> Snapshot | None:
        """The kept merge, or None."""
        with self._tables.reading():
            rows = self._tables.rows("merged", "job_id = ?", [job_id])
            return unpack_merged(rows[0]["snapshot"], self._chains) if rows else None

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

    def _jobs(
        self, where: str | None = None, arguments: Arguments = (), *, order_by: str = "", limit: int = -1
    ) -> list[Job]:
        with self._tables.reading():
            return [
                job_of_rows(
                    row,
                    self._tables.rows("runs", "job_id = ?", [row["job_id"]], order_by="rowid"),
                    self._tables.rows("decisions", "job_id = ?", [row["job_id"]], order_by="number"),
                )
                for row in self._tables.rows("jobs", where, arguments, order_by=order_by, limit=limit)
            ]

    def _check_job(self, job_id: str) -> None:
        if not self._tables.rows("jobs", "job_id = ?", [job_id]):
            raise NotFound(f"there is no job {job_id!r} in the store")

    def _check_request(self, request_id: str) -> None:
        made = self.job_id_of_request(request_id)
        if made is not None:
            raise StoreFailed(f"request {request_id!r} has made job {made} already, and can make no second one")
