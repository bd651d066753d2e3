"""Hiding fields of a result before it leaves this host, by its order and by the host's own file. Pure.

Which field of a tool shows what is told by its manifest. Of a program that came with its job only the types of its keys
are known: every text that is not the name of a process may be anything, and is hidden by whichever rule is strictest.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fleettrace.model.output import KeyField
from fleettrace.model.redaction import PLAIN, RedactAs, RedactedField, Redaction, redaction_text, strictest
from fleettrace.model.run import Part
from fleettrace.model.tool import ONE_LINER, ToolDefinition
from fleettrace.snapshot import Count, Event, Histogram, Key, Snapshot, Stack, merge

__all__ = ["CUT", "Redactor"]

CUT = "(cut)"
"""What stands for every value that is cut."""
HASH_HEX = 12
"""Digits of a hash that are shown: two of a million values are alike by chance once in 500 jobs."""

_BY_TYPE = {
    "comm": RedactedField.COMMANDS,
    "text": RedactedField.PATHS,
    "args": RedactedField.ARGUMENTS,
    "address": RedactedField.ADDRESSES,
}
_HARMLESS_TEXTS = frozenset({"filesystem"})
"""Texts of tools that name nothing of a user."""
_HARMLESS_LABELS = frozenset(
    {
        "map",
        "range",
        "bucket",
        "stat",
        "pid",
        "tid",
        "cpu",
        "uid",
        "gid",
        "probe",
        "func",
        "count",
        "sum",
        "avg",
        "total",
    }
)
"""Of a one-liner: what says nothing of what was read."""
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_PATH = re.compile(r"/[^\s:;()\[\]]+")


@dataclass(frozen=True, slots=True)
class _Way:
    """How a value is hidden; ``rank``: of several, the higher one holds."""

    rank: int
    key: bytes = b""


class Redactor:
    """Hides fields of one run's snapshots, by the rules of its order and by those of this host.

    A field that the host's own file hides as a hash is hashed with a key of the host's, which never leaves it: who made
    the order knows the order's key, and could try values out.
    """

    def __init__(self, tool: ToolDefinition, ordered: Redaction, own: Redaction = PLAIN) -> None:
        self._own = own
        self._rules = strictest(ordered.rules, own.rules)
        cut, hashed, ordered_hash = _Way(2), _Way(1, own.key), _Way(0, ordered.key)
        self._ways = {
            field: cut if way is RedactAs.CUT else hashed if own.way(field) else ordered_hash
            for field, way in self._rules
        }
        self._is_one_liner = tool.name == ONE_LINER
        self._by_label = {} if self._is_one_liner else _labels(tool)
        self._roots = _roots(tool) if self._is_one_liner else 1
        self._hashes: dict[tuple[bytes, str], str] = {}

    @property
    def note(self) -> str:
        """What a reader of the result must know; empty: nothing was hidden."""
        hidden = redaction_text(self._rules)
        if not hidden:
            return ""
        demanded = redaction_text(self._own.rules)
        by_host = f" (by this host's own policy: {demanded})" if demanded else ""
        return f"hidden before it left the host: {hidden}{by_host}"

    def redact_part(self, part: Part) -> Part:
        """A part with its snapshot as :meth:`redact` leaves it, and a note of that."""
        if not self._ways:
            return part
        return replace(part, snapshot=self.redact(part.snapshot), notes=(*part.notes, self.note))

    def redact(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with everything hidden that a rule names; what became equal is added up."""
        if not self._ways:
            return snapshot
        return merge(
            [
                Snapshot(
                    tuple(
                        Histogram(self._key(one.key), one.unit, one.scheme, one.counts) for one in snapshot.histograms
                    ),
                    tuple(Stack(self._frames(one.frames), one.value, one.unit, one.events) for one in snapshot.stacks),
                    tuple(Count(self._key(one.key), one.count, one.sums) for one in snapshot.counts),
                    tuple(Event(one.at_ms, self._key(one.fields)) for one in snapshot.events),
                )
            ]
        )

    def _key(self, key: Key) -> Key:
        return tuple((label, self._value(label, value)) for label, value in key)

    def _value(self, label: str, value: str) -> str:
        way = self._way_of_any(label, value) if self._is_one_liner else self._way(self._by_label.get(label))
        return self._hide(value, way)

    def _way(self, field: RedactedField | None) -> _Way | None:
        return self._ways.get(field) if field is not None else None

    def _way_of_any(self, label: str, value: str) -> _Way | None:
        """How a value of a one-liner is hidden. A number may be an address or an argument, and a text anything."""
        if label in _HARMLESS_LABELS:
            return None
        if label == "comm":
            return self._way(RedactedField.COMMANDS)
        fields: Iterable[RedactedField] = RedactedField
        if _INTEGER.fullmatch(value):
            fields = (RedactedField.ADDRESSES, RedactedField.ARGUMENTS)
        return max((self._ways[field] for field in fields if field in self._ways), key=_rank, default=None)

    def _frames(self, frames: tuple[str, ...]) -> tuple[str, ...]:
        """Frames of which the first ones name the process, or are parts of a one-liner's key."""
        hidden = []
        for at, frame in enumerate(frames):
            if at < self._roots and not (self._is_one_liner and frame.startswith("@")):
                way = self._way_of_any("", frame) if self._is_one_liner else self._way(RedactedField.COMMANDS)
                hidden.append(self._hide(frame, way))
            else:
                hidden.append(_PATH.sub(self._path, frame))
        return tuple(hidden)

    def _path(self, found: re.Match[str]) -> str:
        return self._hide(found[0], self._way(RedactedField.PATHS))

    def _hide(self, value: str, way: _Way | None) -> str:
        if way is None or not value:
            return value
        if not way.key:
            return CUT
        known = self._hashes.get((way.key, value))
        if known is None:
            # A keyed BLAKE2 (RFC 7693, section 2.9): whoever lacks the key cannot try values out.
            data = value.encode("utf-8", "surrogatepass")
            digest = hashlib.blake2b(data, key=way.key, digest_size=16).hexdigest()
            known = self._hashes[way.key, value] = f"#{digest[:HASH_HEX]}"
        return known


def _rank(way: _Way) -> int:
    return way.rank


def _labels(tool: ToolDefinition) -> Mapping[str, RedactedField]:
    """What each label of a tool's keys and events shows."""
    fields: list[KeyField] = [field for output in tool.outputs for field in output.decode.key]
    if tool.events is not None:
        fields += tool.events.fields
    return {
        field.name: _BY_TYPE[field.type]
        for field in fields
        if field.type in _BY_TYPE and field.name not in _HARMLESS_TEXTS
    }


def _roots(tool: ToolDefinition) -> int:
    """How many frames of a one-liner's stacks may be parts of a key: the map's name, and all that are no stacks."""
    # Imported where needed: the language and its parser would stay in an agent's memory.
    from fleettrace.oneliner import parse  # noqa: PLC0415
    from fleettrace.oneliner.shapes import map_shapes  # noqa: PLC0415

    shapes = map_shapes(parse(tool.program_text)).values()
    return 1 + max((sum(not part.type.is_stack for part in shape.keys) for shape in shapes), default=0)
