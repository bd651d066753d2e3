"""The audit log: what was decided, by whom and by which rule, as entries of one chain."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleettrace.errors import BadInput

__all__ = ["AuditEntry", "AuditFilter", "AuditHead", "AuditPage", "AuditRecord", "is_hash"]


def is_hash(text: str) -> bool:
    """Whether a text is 64 lower-case hexadecimal digits."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was decided.

    ``operator`` empty: the controller itself, such as a gate. ``team``: whose job or grant it is about. ``kind`` is a
    word or two with a dot between (``job.policy``, ``host.revoked``); ``subject`` what it was decided about (a job, a
    host, a token). ``hosts`` are those that it is about.
    """

    at_ms: int
    operator: str
    team: str
    kind: str
    subject: str
    outcome: str
    rule: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it is kept: its number from 1, its canonical bytes, and the hash that chains it (64 hex digits)."""

    number: int
    body: bytes
    hash: str


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The newest entry of a log; kept elsewhere, it shows whether anything up to it was changed or taken away."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "AuditHead":
        """Read ``NUMBER:HASH``; raises :class:`BadInput`."""
        number, _, digest = text.strip().partition(":")
        if not re.fullmatch(r"[1-9][0-9]{0,18}", number) or not is_hash(digest):
            raise BadInput(
                f"{text!r} is no head of an audit log: give NUMBER:HASH as 'fleettrace audit head' prints it"
            )
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; what is empty narrows nothing.

    ``kind`` is a whole kind or its first word. ``teams``: entries of these teams alone. ``since_ms`` is Unix time.
    """

    teams: tuple[str, ...] = ()
    host: str = ""
    kind: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries in the order asked for, the head of the whole log, and the cursor of the next page (0: none)."""

    records: tuple[AuditRecord, ...]
    head: AuditHead
    next: int = 0
