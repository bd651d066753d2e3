"""Opening, and everything that is refused: one sentence, and nothing changed or left behind."""

import fcntl
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from controller.store.migrations import APPLICATION_ID, MIGRATIONS
from controller.store.sqlite import SqliteStore
from fleettrace.errors import StoreFailed

from .conftest import StoreProcess
from .store_process import JOB, numbered_part


def contents(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a directory: its bytes and when they were last written."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in directory.iterdir() if file.is_file()}


def refused(path: Path) -> str:
    """Open what cannot be opened, and give back the sentence."""
    with pytest.raises(StoreFailed) as refusal:
        SqliteStore.open(path, controller_id="test")
    sentence = str(refusal.value)
    assert "\n" not in sentence
    return sentence


def pragma(path: Path, name: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


# What is fine


def test_a_database_is_made_where_there_is_none(path: Path) -> None:
    SqliteStore.open(path, controller_id="test").close()
    assert pragma(path, "application_id") == APPLICATION_ID == 0x464C5452
    # Closed, it is one file.
    assert [file.name for file in path.parent.iterdir()] == ["fleet.db"]


def test_a_database_is_made_of_an_empty_file(path: Path) -> None:
    path.touch()
    SqliteStore.open(path, controller_id="test").close()
    assert pragma(path, "application_id") == APPLICATION_ID


def test_a_path_may_be_text_and_relative(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    SqliteStore.open(":memory:", controller_id="test").close()
    assert path.with_name(":memory:").is_file()


def test_an_acknowledged_write_is_synced(path: Path) -> None:
    store = SqliteStore.open(path, controller_id="test")
    db = store._tables._db
    settings = {
        name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    store.close()
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_store_belongs_to_the_thread_that_opened_it(path: Path) -> None:
    # GIVEN a store that was opened on a worker thread
    with ThreadPoolExecutor(1) as thread:
        store = thread.submit(SqliteStore.open, path, controller_id="test").result()
        # WHEN that thread uses it THEN it works
        assert thread.submit(store.hosts).result() == []
        # AND any other thread is refused
        with pytest.raises(StoreFailed, match="thread"):
            store.hosts()
        thread.submit(store.close).result()


# What is no place for a database


def test_a_directory_that_does_not_exist(path: Path) -> None:
    missing = path.parent / "missing" / "fleet.db"
    assert f"{missing.parent} is no directory: create it first" in refused(missing)
    assert contents(path.parent) == {}


def test_a_directory_that_is_a_file(path: Path) -> None:
    path.write_text("")
    assert "is no directory" in refused(path / "fleet.db")


def test_a_file_that_is_a_directory(path: Path) -> None:
    assert "is a directory: name a file in it" in refused(path.parent)
    assert contents(path.parent.parent) == {}


def test_a_pipe_is_no_place_for_a_database(path: Path) -> None:
    os.mkfifo(path)
    assert "is a device or a pipe: name a file" in refused(path)
    assert stat.S_ISFIFO(path.stat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="making a device takes root")
def test_a_device_is_no_place_for_a_database_and_stays_what_it_is(path: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))  # what /dev/null is
    assert "is a device or a pipe: name a file" in refused(path)
    assert stat.S_ISCHR(path.stat().st_mode)


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A directory of its own, seen as a user who is not root: root may write where it is forbidden."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        directory = Path(name)
        try:
            if user == 0:
                os.chown(directory, 65534, -1)
                os.seteuid(65534)
            yield directory
        finally:
            os.seteuid(user)
            directory.chmod(0o755)


def test_a_directory_that_is_read_only() -> None:
    with unprivileged() as directory:
        directory.chmod(0o555)
        assert f"{directory} is read-only" in refused(directory / "fleet.db")
        assert contents(directory) == {}


def test_a_file_that_is_read_only() -> None:
    with unprivileged() as directory:
        path = directory / "fleet.db"
        SqliteStore.open(path, controller_id="test").close()
        path.chmod(0o444)
        before = contents(directory)
        assert f"{path} is read-only: make it writable" in refused(path)
        assert contents(directory) == before


def test_a_lock_file_that_cannot_be_written_to() -> None:
    with unprivileged() as directory:
        lock = directory / "fleet.db.lock"
        lock.touch()
        lock.chmod(0o444)
        assert "cannot be written to" in refused(directory / "fleet.db")
        assert set(contents(directory)) == {"fleet.db.lock"}


# What is not ours


@pytest.mark.parametrize("data", [b"hello, world\n", b"SQLite format 2\0" + bytes(100), b"\0", bytes(4096)])
def test_a_file_that_is_not_sqlite(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    before = contents(path.parent)
    assert "is not an SQLite database: name another file" in refused(path)
    assert contents(path.parent) == before


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_database_of_someone_else(path: Path, journal_mode: str) -> None:
    # GIVEN someone else's database, in use, with changes that are in its write-ahead log alone
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA journal_mode = {journal_mode}")
        other.execute("CREATE TABLE accounts (name TEXT)")
        other.commit()
        before = contents(path.parent)
        # WHEN a controller is to use it THEN it is refused, and left as it was
        assert "is an SQLite database but not fleettrace's" in refused(path)
        assert contents(path.parent) == before


def test_a_database_of_someone_else_gets_no_log_and_no_lock(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE accounts (name TEXT)")
        other.commit()
    refused(path)
    assert [file.name for file in path.parent.iterdir()] == ["fleet.db"]


def test_a_database_of_a_newer_version(path: Path, store: SqliteStore) -> None:
    # GIVEN a database to which a newer version has applied a step
    store.close()
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('fleettrace', '9999_more', '')"
        )
    before = path.read_bytes()
    # WHEN this version is to use it THEN it is refused, and left as it was
    assert "was written by a newer fleettrace (9999_more): upgrade this one" in refused(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["fleet.db"]


# What is damaged


def filled(path: Path) -> int:
    """Make a database of some size; its bytes."""
    store = SqliteStore.open(path, controller_id="test")
    store.save_job(JOB)
    for number in range(50):
        store.save_part(numbered_part(number))
    store.close()
    return path.stat().st_size


@pytest.mark.parametrize("damage", ["first page", "middle", "cut", "header alone"])
def test_a_database_that_is_damaged(path: Path, damage: str) -> None:
    # GIVEN a database of which a part was overwritten or lost
    size = filled(path)
    with path.open("r+b") as file:
        if damage == "first page":
            file.seek(100)
            file.write(b"\xa5" * 2000)
        elif damage == "middle":
            for offset in range(4096 * (size // 8192), size, 4096):
                file.seek(offset)
                file.write(b"\xa5" * 1000)
        else:
            file.truncate(size // 2 if damage == "cut" else 100)
    before = path.read_bytes()
    # WHEN it is opened THEN it is refused, and left as it was
    assert "is damaged (" in refused(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["fleet.db"]


# What is half made


@pytest.mark.parametrize("existed", [False, True])
def test_a_database_that_cannot_be_finished_is_not_begun(
    path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool
) -> None:
    # GIVEN a disk that is full when the tables are to be made
    def full(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(MIGRATIONS, "apply", full)
    if existed:
        path.touch(0o600)
    before = path.stat() if existed else None
    # WHEN a database is to be made THEN what is there is what was there
    assert "database or disk is full; check the disk's space" in refused(path)
    assert {name: data for name, (data, _) in contents(path.parent).items()} == ({"fleet.db": b""} if existed else {})
    if before is not None:
        assert (path.stat().st_ino, path.stat().st_mode) == (before.st_ino, before.st_mode)


def test_a_database_that_was_there_survives_a_step_that_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a database with a part, and a new step that fails halfway
    filled(path)

    def half(db: object, /) -> None:
        db.execute("CREATE TABLE more (name TEXT)")  # type: ignore[attr-defined]
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(MIGRATIONS, "_migrations", [*MIGRATIONS._migrations])
    MIGRATIONS(name="9999_more")(half)
    # WHEN it is opened
    assert "disk is full" in refused(path)
    monkeypatch.undo()
    # THEN the step has left nothing, neither its table nor its record
    store = SqliteStore.open(path, controller_id="test")
    assert len(store.parts("j1")) == 50
    assert not store._tables._db.table("more").exists()
    store.close()


# What is in use


def test_a_database_in_use_says_by_whom(path: Path, store_process: StoreProcess) -> None:
    # GIVEN another controller that has it
    other = store_process("hold", path)
    # WHEN it is opened here THEN the refusal says which controller and process
    assert f"is in use by controller other, process {other.pid}: stop that one first" in refused(path)
    # AND when the other ends, it can be opened
    other.communicate("", timeout=20)
    SqliteStore.open(path, controller_id="test").close()


def test_a_killed_controller_locks_nothing(path: Path, store_process: StoreProcess) -> None:
    other = store_process("hold", path)
    other.kill()
    other.communicate()
    assert path.with_name("fleet.db.lock").exists()
    SqliteStore.open(path, controller_id="test").close()
    assert [file.name for file in path.parent.iterdir()] == ["fleet.db"]


def test_a_database_is_in_use_within_one_process_too(path: Path, store: SqliteStore) -> None:
    assert f"in use by controller test, process {os.getpid()}" in refused(path)
    store.save_job(JOB)  # and its holder goes on
    assert store.job("j1") == JOB


def test_another_name_for_the_file_is_the_same_database(path: Path, store: SqliteStore) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    assert "in use" in refused(link)
    store.close()
    SqliteStore.open(link, controller_id="test").close()


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a holder that goes, and removes the lock file, between our opening and our locking of it
    lock = path.with_name("fleet.db.lock")
    lock.touch()
    real = fcntl.flock
    taken: list[int] = []

    def flock(fd: int, operation: int) -> None:
        if not taken:
            lock.unlink()
        taken.append(fd)
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    # WHEN we open THEN we hold the file that others see, and not the one that is gone
    store = SqliteStore.open(path, controller_id="test")
    assert len(taken) == 2
    assert "controller test" in lock.read_text()
    store.close()
