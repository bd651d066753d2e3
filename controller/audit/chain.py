"""The chain of the audit log: each entry's hash covers its canonical bytes and the hash of the entry before it.

``hash = SHA-256(previous hash, as 64 hex digits + body)``, in hexadecimal; the first entry follows 64 zeros and names
the database. The body is JSON in one line: keys sorted, no spaces, ASCII alone.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from fleettrace.errors import AuditBroken
from fleettrace.model.audit import AuditEntry, AuditHead, AuditRecord
from fleettrace.wire.codec import wire_text

__all__ = ["GENESIS", "ROOT", "Verifier", "entry_of", "genesis", "seal", "seal_all"]

ROOT = AuditHead(0, "0" * 64)
"""What the first entry follows."""
GENESIS = "genesis"
"""The kind of the first entry."""

MAX_TEXT_CHARS = 4_096
"""Of any text in an entry; a longer one is cut and says so."""
MAX_DETAILS = 64


def genesis(database_id: str, at_ms: int) -> AuditRecord:
    """The first entry of a database's log."""
    return seal(ROOT, AuditEntry(at_ms, "", "", GENESIS, database_id, "begun"))


def seal(head: AuditHead, entry: AuditEntry) -> AuditRecord:
    """The record of an entry that follows ``head``."""
    number = head.number + 1
    body = _canonical(number, entry)
    return AuditRecord(number, body, _hash(head.hash, body))


def seal_all(head: AuditHead, entries: Iterable[AuditEntry]) -> Iterator[AuditRecord]:
    """The records of entries that follow ``head``, one after the other."""
    for entry in entries:
        record = seal(head, entry)
        yield record
        head = AuditHead(record.number, record.hash)


def entry_of(record: AuditRecord) -> AuditEntry:
    """What a record says; raises :class:`AuditBroken` when it says nothing that an entry could."""
    try:
        said: dict[str, Any] = json.loads(record.body)
        if said.pop("number") != record.number:
            raise AuditBroken(f"entry {record.number} of the audit log was written as another number")
        entry = AuditEntry(**{**said, "hosts": tuple(said["hosts"])})
        canonical = _canonical(record.number, entry)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AuditBroken(f"entry {record.number} of the audit log cannot be read: it was changed") from error
    if canonical != record.body:
        raise AuditBroken(f"entry {record.number} of the audit log is not as fleettrace writes it: it was changed")
    return entry


class Verifier:
    """Takes a log's records in their order and raises :class:`AuditBroken` at the first that does not follow.

    ``expected`` is a head that was kept elsewhere: without one, a log whose end was cut off looks whole.
    """

    def __init__(self, expected: AuditHead | None = None) -> None:
        self._expected = expected
        self.head = ROOT
        self.database_id = ""

    def take(self, record: AuditRecord) -> AuditEntry:
        """The next record; gives its entry."""
        number = self.head.number + 1
        if record.number != number:
            raise AuditBroken(f"entry {number} of the audit log is missing: entry {record.number} is in its place")
        if record.hash != _hash(self.head.hash, record.body):
            raise AuditBroken(f"entry {number} of the audit log was changed, or what stood before it was")
        entry = entry_of(record)
        if (number == 1) != (entry.kind == GENESIS):
            raise AuditBroken(f"entry {number} of the audit log is not one that can stand there")
        if number == 1:
            self.database_id = entry.subject
        self.head = AuditHead(number, record.hash)
        if self._expected is not None and self._expected.number == number and self._expected != self.head:
            raise AuditBroken(
                f"entry {number} of the audit log is not the one that the kept head names: up to there, the log was "
                "written anew, or it is another database's"
            )
        return entry

    def end(self) -> AuditHead:
        """No more records; the head that the log has."""
        if self.head == ROOT:
            raise AuditBroken("entry 1 of the audit log is missing: the log is empty")
        if self._expected is not None and self._expected.number > self.head.number:
            raise AuditBroken(
                f"entry {self.head.number + 1} of the audit log is missing: it ends with entry {self.head.number}, and "
                f"the kept head names entry {self._expected.number}"
            )
        return self.head


def _hash(previous: str, body: bytes) -> str:
    return hashlib.sha256(previous.encode() + body).hexdigest()


def _canonical(number: int, entry: AuditEntry) -> bytes:
    details = sorted(entry.detail.items())[:MAX_DETAILS]
    said = {
        "number": number,
        "at_ms": entry.at_ms,
        "operator": _text(entry.operator),
        "team": _text(entry.team),
        "kind": _text(entry.kind),
        "subject": _text(entry.subject),
        "outcome": _text(entry.outcome),
        "rule": _text(entry.rule),
        "detail": {_text(name): _text(value) for name, value in details},
        "hosts": [_text(host) for host in entry.hosts],
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def _text(text: str) -> str:
    text = wire_text(text)
    if len(text) <= MAX_TEXT_CHARS:
        return text
    told = f" ... ({len(text)} characters)"
    return text[: MAX_TEXT_CHARS - len(told)] + told
