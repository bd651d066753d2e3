"""The database's form: numbered steps, each recorded."""

import re
from pathlib import Path

from sqlite_utils import Database

from controller.store.blobs import unpack_merged, unpack_parts
from controller.store.chains import KeptChains
from controller.store.migrations import MIGRATIONS, STEPS, unknown_steps
from controller.store.rows import part_row
from controller.store.tables import Tables
from fleettrace.snapshot import Snapshot, Stack, stack_hash
from fleettrace.wire.codec import host_part_to_wire
from fleettrace.wire.v1 import types_pb2 as types
from tests.unit.controller.report.samples import part as sample_part


def test_steps_are_numbered_from_one_without_gaps() -> None:
    numbers = [int(re.fullmatch(r"(\d{4})_[a-z_]+", name)[1]) for name in STEPS]  # type: ignore[index]
    assert numbers == list(range(1, len(numbers) + 1))


IDENTITIES = ("join_tokens", "enrolments", "operator_tokens")


def test_all_steps_are_applied_and_recorded_and_not_again() -> None:
    db = Database(memory=True)
    MIGRATIONS.apply(db)
    assert [step.name for step in MIGRATIONS.applied(db)] == [*STEPS]
    schema = db.schema
    MIGRATIONS.apply(db)
    assert db.schema == schema
    assert unknown_steps(db) == []
    db.close()


def test_the_tables_and_that_their_types_are_strict() -> None:
    db = Database(memory=True)
    MIGRATIONS.apply(db)
    tables = {table.name: table.strict for table in db.tables if not table.name.startswith("_")}
    expected = ["hosts", "jobs", "decisions", "runs", "parts", "stacks", "merged", "audit", "shared_requests", "shares"]
    expected += ["epochs", "frames", *IDENTITIES]
    assert tables == dict.fromkeys(expected, True)
    db.close()


def test_a_step_that_is_not_known_here_is_found() -> None:
    db = Database(memory=True)
    MIGRATIONS.apply(db)
    db.table(MIGRATIONS.migrations_table).insert({"migration_set": "fleettrace", "name": "9999_more", "applied_at": ""})
    assert unknown_steps(db) == ["9999_more"]
    db.close()


def test_stacks_that_were_kept_by_hash_are_kept_by_number() -> None:
    # GIVEN a database of before, with a part in columns, one of before there were columns, and a merge
    db = Database(memory=True)
    MIGRATIONS.apply(db, stop_before="0007_stacks_by_number")
    db.execute("PRAGMA foreign_keys = OFF")
    read, write = ("nginx", "main", "read"), ("nginx", "main", "write")
    for frames in (write, read):
        db.table("stacks").insert(
            {"hash": stack_hash(frames), "frames": types.Stack(frames=frames).SerializeToString()}
        )
    hashes = stack_hash(read) + stack_hash(write)
    columns = [types.StackColumns(unit="us", hashes=hashes, values=[7, 300], events=[0, 2])]
    refs = [
        types.StackRef(hash=stack_hash(write), value=5, unit="us"),
        types.StackRef(hash=hashes[:16], value=1, unit="n"),
    ]
    for host, snapshot in {
        "api-1": types.Snapshot(stack_columns=columns),
        "api-2": types.Snapshot(stack_refs=refs),
    }.items():
        part = host_part_to_wire(sample_part(host, Snapshot()))
        part.part.snapshot.CopyFrom(snapshot)
        row = part_row(sample_part(host, Snapshot()), part.SerializeToString())
        db.table("parts").insert(dict(row))
    db.table("merged").insert({"job_id": "j1", "snapshot": types.Snapshot(stack_columns=columns).SerializeToString()})
    # WHEN the step is made
    MIGRATIONS.apply(db)
    # THEN everything reads as it was
    tables = Tables(Path("memory"), db)
    kept = KeptChains(tables)
    parts = unpack_parts([row["part"] for row in tables.rows("parts", order_by="host")], kept)
    in_us = (Stack(read, 7, "us"), Stack(write, 300, "us", 2))
    assert [part.part.snapshot.stacks for part in parts] == [in_us, (Stack(write, 5, "us"), Stack(read, 1, "n"))]
    assert unpack_merged(tables.rows("merged")[0]["snapshot"], kept).stacks == in_us
    # AND what is kept from now on has the same numbers
    assert kept.keep({stack_hash(read): read}) == {stack_hash(read): 2}
    db.close()
