"""The database's form: numbered steps, each recorded."""

import re

from sqlite_utils import Database

from controller.store.migrations import MIGRATIONS, known_steps, unknown_steps


def test_steps_are_numbered_from_one_without_gaps() -> None:
    numbers = [int(re.fullmatch(r"(\d{4})_[a-z_]+", name)[1]) for name in known_steps()]  # type: ignore[index]
    assert numbers == list(range(1, len(numbers) + 1))


IDENTITIES = ("join_tokens", "enrolments", "operator_tokens")


def test_all_steps_are_applied_and_recorded_and_not_again() -> None:
    db = Database(memory=True)
    MIGRATIONS.apply(db)
    assert [step.name for step in MIGRATIONS.applied(db)] == known_steps()
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
    expected += ["epochs", *IDENTITIES]
    assert tables == dict.fromkeys(expected, True)
    db.close()


def test_a_step_that_is_not_known_here_is_found() -> None:
    db = Database(memory=True)
    MIGRATIONS.apply(db)
    db.table(MIGRATIONS.migrations_table).insert({"migration_set": "fleettrace", "name": "9999_more", "applied_at": ""})
    assert unknown_steps(db) == ["9999_more"]
    db.close()
