"""Step 7: names of frames once, chains of them by number, and parts that refer to those numbers, not to hashes."""

from collections.abc import Iterator
from itertools import groupby
from struct import iter_unpack, pack
from typing import Any

from sqlite_utils import Database

from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["apply"]

_ROWS_AT_ONCE = 10_000
_HASHES_PER_QUERY = 500
_HASH_BYTES = 16


def apply(db: Database, /) -> None:
    """Make the tables of frames and chains, and number what was kept by hash."""
    db.execute("ALTER TABLE stacks RENAME TO stacks_by_hash")
    db.create_table("frames", {"number": int, "name": str}, pk="number", not_null={"name"}, strict=True)
    db.table("frames").create_index(["name"], unique=True)
    db.create_table(
        "stacks",
        {"number": int, "hash": bytes, "frames": bytes},
        pk="number",
        not_null={"hash", "frames"},
        strict=True,
    )
    db.table("stacks").create_index(["hash"], unique=True)
    _number_kept_stacks(db)
    db.table("stacks_by_hash").drop()


def _number_kept_stacks(db: Database) -> None:
    """From the tables ``parts`` and ``merged``, whose stacks are hashes, and ``stacks_by_hash`` to ``stacks`` and
    ``frames``; in the transaction of the caller."""
    names: dict[str, int] = {}
    cursor = db.execute("SELECT hash, frames FROM stacks_by_hash ORDER BY rowid")
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        numbered = []
        for digest, data in rows:
            frames = [names.setdefault(name, len(names) + 1) for name in types.Stack.FromString(data).frames]
            numbered.append({"hash": digest, "frames": pack(f"<{len(frames)}I", *frames)})
        db.table("stacks").insert_all(numbered)
    db.table("frames").insert_all({"number": number, "name": name} for name, number in names.items())
    for (row,) in db.execute("SELECT rowid FROM parts").fetchall():
        ((data,),) = db.execute("SELECT part FROM parts WHERE rowid = ?", [row]).fetchall()
        part = control.HostPart.FromString(data)
        _renumber(db, part.part.snapshot)
        db.execute("UPDATE parts SET part = ? WHERE rowid = ?", [part.SerializeToString(deterministic=True), row])
    for (row,) in db.execute("SELECT rowid FROM merged").fetchall():
        ((data,),) = db.execute("SELECT snapshot FROM merged WHERE rowid = ?", [row]).fetchall()
        merged = types.Snapshot.FromString(data)
        _renumber(db, merged)
        db.execute(
            "UPDATE merged SET snapshot = ? WHERE rowid = ?", [merged.SerializeToString(deterministic=True), row]
        )


def _renumber(db: Database, snapshot: types.Snapshot) -> None:
    rows = [*_rows(snapshot)]
    hashes = sorted({digest for _, digest, _, _ in rows})
    numbers: dict[bytes, int] = {}
    for start in range(0, len(hashes), _HASHES_PER_QUERY):
        some = hashes[start : start + _HASHES_PER_QUERY]
        marks = ",".join("?" * len(some))
        numbers.update(db.execute(f"SELECT hash, number FROM stacks WHERE hash IN ({marks})", some))  # noqa: S608
    for unit, own in groupby(rows, key=lambda row: row[0]):
        _, digests, values, events = zip(*own, strict=True)
        chains = map(numbers.__getitem__, digests)
        snapshot.numbered_stacks.add(unit=unit, chains=chains, values=values, events=events if any(events) else ())
    snapshot.ClearField("stack_columns")
    snapshot.ClearField("stack_refs")


def _rows(snapshot: types.Snapshot) -> Iterator[tuple[Any, ...]]:
    """Unit, hash, value and events of each stack, in columns or in the form before them."""
    for own in snapshot.stack_columns:
        digests = [digest for (digest,) in iter_unpack(f"{_HASH_BYTES}s", own.hashes)]
        events = own.events or [0] * len(digests)
        for digest, value, counted in zip(digests, own.values, events, strict=True):
            yield own.unit, digest, value, counted
    for ref in snapshot.stack_refs:
        yield ref.unit, ref.hash, ref.value, ref.events
