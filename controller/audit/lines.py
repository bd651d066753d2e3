"""The audit log as JSON lines: one entry each, with the hash that chains it."""

import json
from collections.abc import Iterable, Iterator

from fleettrace.errors import AuditBroken
from fleettrace.model.audit import AuditRecord, is_hash

__all__ = ["line_of", "records_of_lines"]

MAX_LINE_BYTES = 16 << 20
"""An entry of 10,000 hosts with the longest of names has less."""


def line_of(record: AuditRecord) -> bytes:
    """One line, whose ``entry`` is the body as it was hashed."""
    return b'{"hash":"%s","entry":%s}\n' % (record.hash.encode(), record.body)


def records_of_lines(lines: Iterable[bytes]) -> Iterator[AuditRecord]:
    """The records of an export, also of one that other programs have passed on with other spaces.

    Raises:
        AuditBroken: a line is none; it is named.
    """
    for number, line in enumerate(lines, 1):
        try:
            if len(line) > MAX_LINE_BYTES:
                raise ValueError("too long")
            said = json.loads(line)
            entry, digest = said["entry"], said["hash"]
            if not isinstance(entry, dict) or not isinstance(digest, str) or not is_hash(digest):
                raise ValueError("no entry")
            body = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
            yield AuditRecord(int(entry["number"]), body.encode(), digest)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise AuditBroken(
                f"line {number} is no entry of an audit log: it was changed, or the file is another"
            ) from error
