"""What is hidden of a result before it leaves its host: which fields, in which of two ways, and with which key."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "KEY_BYTES",
    "NOTHING",
    "PLAIN",
    "RedactAs",
    "RedactedField",
    "Redaction",
    "Rule",
    "redaction_text",
    "strictest",
]

KEY_BYTES = 32


class RedactedField(StrEnum):
    """Kinds of fields, by what they show."""

    ARGUMENTS = "arguments"
    """What programs were started with, and every text that a program of one's own reads."""
    PATHS = "paths"
    """Names of files and programs."""
    ADDRESSES = "addresses"
    """Peers of connections."""
    COMMANDS = "commands"
    """Names of processes and threads."""


class RedactAs(StrEnum):
    """How a value is hidden."""

    HASH = "hash"
    """By a keyed hash: equal values stay equal within a job, and cannot be looked up."""
    CUT = "cut"
    """Replaced by one word, the same for all."""


Rule = tuple[RedactedField, RedactAs]

NOTHING: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Redaction:
    """``rules`` name each field at most once, in their order; ``key`` is the job's own, kept out of every record."""

    rules: tuple[Rule, ...] = NOTHING
    key: bytes = b""

    def __repr__(self) -> str:
        # A key that is printed is a key that is lost.
        return f"Redaction({redaction_text(self.rules)!r})"

    def way(self, field: RedactedField) -> RedactAs | None:
        """How a field is hidden; None: it is not."""
        return dict(self.rules).get(field)


PLAIN = Redaction()
"""Nothing is hidden."""


def strictest(*rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """What holds where several rules do: each field that any of them hides, cut where one of them cuts."""
    ways: dict[RedactedField, RedactAs] = {}
    for own in rules:
        for field, way in own:
            if ways.get(field) is not RedactAs.CUT:
                ways[field] = way
    return tuple((field, ways[field]) for field in RedactedField if field in ways)


def redaction_text(rules: Iterable[Rule]) -> str:
    """For people: ``arguments cut, paths hashed``; empty for nothing."""
    done = {RedactAs.HASH: "hashed", RedactAs.CUT: "cut"}
    return ", ".join(f"{field.value} {done[way]}" for field, way in rules)
