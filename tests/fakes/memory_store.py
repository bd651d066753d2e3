"""The store in memory: what SQLite's does, for tests; nothing is kept when the process ends."""

import secrets
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from controller.audit.chain import entry_of, genesis, seal_all
from controller.audit.epochs import epoch_entry
from controller.audit.jobs import job_entries
from controller.store.audit_log import cut_page
from controller.store.blobs import Frames, clash, pack_merged, pack_part, unpack_merged, unpack_parts
from controller.store.port import SeenBy
from controller.store.rows import UNSEEN_REASON, check_job
from fleettrace.errors import NotFound, StoreFailed
from fleettrace.model.audit import AuditEntry, AuditFilter, AuditHead, AuditRecord
from fleettrace.model.host import Host
from fleettrace.model.job import HostPart, Job, JobState
from fleettrace.model.order import Authority
from fleettrace.model.run import RunKey, RunKind
from fleettrace.snapshot import Snapshot, StackChains
from fleettrace.wire.codec import host_from_wire, host_to_wire
from tests.fakes.memory_identities import KeptIdentities, MemoryIdentities

__all__ = ["MemoryStore"]


@dataclass(eq=False, slots=True)
class _Chains:
    """Implements :class:`~controller.store.blobs.Chains`."""

    kept: list[Frames] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)

    def keep(self, chains: Mapping[bytes, Frames]) -> Mapping[bytes, int]:
        for digest, frames in chains.items():
            if digest in self.numbers and self.kept[self.numbers[digest]] != frames:
                raise clash(digest)
        for digest, frames in chains.items():
            if digest not in self.numbers:
                self.numbers[digest] = len(self.kept)
                self.kept.append(frames)
        return self.numbers

    def load(self, numbers: Sequence[int]) -> "tuple[StackChains, array[int]]":
        own = [self.kept[number] for number in numbers]
        chains = StackChains.of(own)
        places = {frames: place for place, frames in enumerate(chains)}
        return chains, array("I", [places[frames] for frames in own])


@dataclass(slots=True)
class _Kept:
    hosts: dict[str, Host] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    job_of_request: dict[str, str] = field(default_factory=dict)
    parts: dict[RunKey, tuple[RunKind, bool, bytes]] = field(default_factory=dict)
    merged: dict[str, bytes] = field(default_factory=dict)
    chains: _Chains = field(default_factory=_Chains)
    shares: set[tuple[str, str]] = field(default_factory=set)
    identities: KeptIdentities = field(default_factory=KeptIdentities)
    epoch: int = 0
    audit: list[AuditRecord] = field(default_factory=lambda: [genesis(secrets.token_hex(16), 0)])

    def append(self, entries: Sequence[AuditEntry]) -> None:
        head = AuditHead(self.audit[-1].number, self.audit[-1].hash)
        self.audit.extend(seal_all(head, entries))


class MemoryStore:
    """Implements :class:`~controller.store.port.Store`, which says what each method does."""

    def __init__(self, kept: _Kept | None = None) -> None:
        self._kept = kept or _Kept()
        self._closed = False
        self.identities = MemoryIdentities(self._kept.identities, self._kept.append, self._check_open)
        for host in self._kept.hosts.values():
            if host.connected:
                self._kept.hosts[host.name] = replace(host, connected=False, missing_reason=UNSEEN_REASON)

    def reopen(self) -> Self:
        """Close it, and give back what a controller that starts anew would find."""
        self.close()
        return type(self)(self._kept)

    def save_host(self, host: Host, audit: Sequence[AuditEntry] = ()) -> None:
        """Insert or replace a host."""
        self._check_open()
        self._kept.hosts[host.name] = host_from_wire(host_to_wire(host))
        self._kept.append(audit)

    def hosts(self) -> list[Host]:
        """All hosts, by name."""
        self._check_open()
        return [self._kept.hosts[name] for name in sorted(self._kept.hosts)]

    def save_job(self, job: Job, request_id: str = "", audit: Sequence[AuditEntry] = ()) -> None:
        """Insert or replace a job with its decisions and runs."""
        self._check_open()
        checked = check_job(job)
        job_id = job.spec.job_id
        if job_id not in self._kept.jobs and request_id:
            self._check_request(request_id)
            self._kept.job_of_request[request_id] = job_id
        entries = job_entries(self._kept.jobs.get(job_id), job)
        self._kept.jobs[job_id] = checked
        self._kept.append([*entries, *audit])

    def job(self, job_id: str) -> Job | None:
        """One job, or None."""
        self._check_open()
        return self._kept.jobs.get(job_id)

    def job_id_of_request(self, request_id: str) -> str | None:
        """The job that this request made, or None."""
        self._check_open()
        return self._kept.job_of_request.get(request_id)

    def share_job(self, request_id: str, job_id: str, audit: Sequence[AuditEntry] = ()) -> None:
        """Note that a request was given another's job."""
        self._check_job(job_id)
        self._check_request(request_id)
        if request_id:
            self._kept.job_of_request[request_id] = job_id
        self._kept.append(audit)

    def jobs(self, limit: int, seen_by: SeenBy | None = None) -> list[Job]:
        """The newest jobs first."""
        self._check_open()
        seen = [job for job in self._kept.jobs.values() if seen_by is None or self._sees(seen_by, job)]
        oldest_first = sorted(seen, key=lambda job: job.spec.created_at_ms)
        return oldest_first[::-1][: max(limit, 0)]

    def set_share(self, job_id: str, team: str, shared: bool, audit: Sequence[AuditEntry] = ()) -> None:
        """Let a team see a job, or no longer."""
        self._check_job(job_id)
        (self._kept.shares.add if shared else self._kept.shares.discard)((job_id, team))
        self._kept.append(audit)

    def shares(self, job_id: str) -> tuple[str, ...]:
        """The teams that a job is shared with."""
        self._check_open()
        return tuple(sorted(team for shared, team in self._kept.shares if shared == job_id))

    def teams(self) -> list[str]:
        """Every team that has asked for a job."""
        self._check_open()
        return sorted({job.spec.team for job in self._kept.jobs.values()})

    def granted_since(self, team: str, since_ms: int) -> dict[str, int]:
        """How many jobs of a team each rule has let run."""
        self._check_open()
        rules = Counter(
            job.decisions[0].rule
            for job in self._kept.jobs.values()
            if job.spec.team == team
            and job.spec.created_at_ms > since_ms
            and job.decisions
            and job.decisions[0].kind == "policy"
            and job.decisions[0].verdict != "denied"
        )
        return dict(rules)

    def unfinished_jobs(self) -> list[Job]:
        """Jobs that have not ended, oldest first."""
        self._check_open()
        unfinished = (job for job in self._kept.jobs.values() if not job.state.ended)
        return sorted(unfinished, key=lambda job: job.spec.created_at_ms)

    def aborted_jobs(self, since_ms: int, limit: int) -> list[Job]:
        """Jobs that were aborted, newest first."""
        self._check_open()
        aborted = [
            job for job in self._kept.jobs.values() if job.state is JobState.ABORTED and job.finished_at_ms >= since_ms
        ]
        return sorted(aborted, key=lambda job: job.finished_at_ms)[::-1][: max(limit, 0)]

    def save_part(self, part: HostPart) -> bool:
        """Keep a part by its run key; False when nothing changed."""
        key = part.part.run
        self._check_job(key.job_id)
        _, final, data = self._kept.parts.get(key, (None, False, b""))
        if final:
            return False
        packed = pack_part(part, self._kept.chains)
        if packed == data:
            return False
        self._kept.parts[key] = (part.part.kind, part.part.final, packed)
        return True

    def parts(self, job_id: str, host: str | None = None) -> list[HostPart]:
        """The parts of a job's trace runs, by host and attempt."""
        self._check_open()
        kept = [
            data
            for key, (kind, _, data) in sorted(self._kept.parts.items())
            if key.job_id == job_id and kind is RunKind.TRACE and host in {None, key.host}
        ]
        return unpack_parts(kept, self._kept.chains)

    def save_merged(self, job_id: str, merged: Snapshot) -> None:
        """Insert or replace the merge of a job's parts."""
        self._check_job(job_id)
        self._kept.merged[job_id] = pack_merged(merged, self._kept.chains)

    def merged(self, job_id: str) -> Snapshot | None:
        """The kept merge, or None."""
        self._check_open()
        return unpack_merged(self._kept.merged[job_id], self._kept.chains) if job_id in self._kept.merged else None

    def begin_epoch(self, controller_id: str, at_ms: int, at_least: int = 1) -> Authority:
        """Number this start of a controller."""
        self._check_open()
        self._kept.epoch = max(self._kept.epoch + 1, at_least)
        authority = Authority(entry_of(self._kept.audit[0]).subject, self._kept.epoch, controller_id)
        self._kept.append([epoch_entry(authority, at_ms)])
        return authority

    def audit(self, entries: Sequence[AuditEntry]) -> None:
        """Add entries to the audit log."""
        self._check_open()
        self._kept.append(entries)

    def audit_head(self) -> AuditHead:
        """The newest entry of the audit log."""
        self._check_open()
        return AuditHead(self._kept.audit[-1].number, self._kept.audit[-1].hash)

    def audit_records(
        self, wanted: AuditFilter, after: int, up_to: int, limit: int, *, oldest_first: bool = True
    ) -> list[AuditRecord]:
        """A page of the audit log."""
        self._check_open()
        found = [record for record in self._kept.audit[max(after, 0) : max(up_to, 0)] if _is_wanted(record, wanted)]
        return cut_page((found if oldest_first else found[::-1])[: max(limit, 0)])

    def close(self) -> None:
        """Refuse everything from now on; idempotent."""
        self._closed = True

    def _sees(self, seen_by: SeenBy, job: Job) -> bool:
        return job.spec.team in seen_by.owners or not set(seen_by.own).isdisjoint(self.shares(job.spec.job_id))

    def _check_open(self) -> None:
        if self._closed:
            raise StoreFailed("the store is closed: open it again")

    def _check_job(self, job_id: str) -> None:
        self._check_open()
        if job_id not in self._kept.jobs:
            raise NotFound(f"there is no job {job_id!r} in the store")

    def _check_request(self, request_id: str) -> None:
        if (made := self._kept.job_of_request.get(request_id)) is not None:
            raise StoreFailed(f"request {request_id!r} has made job {made} already, and can make no second one")


def _is_wanted(record: AuditRecord, wanted: AuditFilter) -> bool:
    entry = entry_of(record)
    return (
        (not wanted.teams or entry.team in wanted.teams)
        and (not wanted.host or wanted.host in entry.hosts)
        and (not wanted.kind or entry.kind == wanted.kind or entry.kind.startswith(f"{wanted.kind}."))
        and entry.at_ms >= wanted.since_ms
    )
