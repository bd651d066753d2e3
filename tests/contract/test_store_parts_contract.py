"""The store's contract for parts and merges: kept once, never mixed up."""

import os
from dataclasses import replace

import pytest
from hypothesis import given

from controller.store import blobs
from controller.store.port import Store
from fleettrace.errors import Malformed, NotFound
from fleettrace.model.job import Decision, HostPart
from fleettrace.model.run import RunKind
from fleettrace.snapshot import LOG2, Count, Event, Histogram, Snapshot, Stack, merge
from tests.contract.stores import HOST, QUICK, STACK, Reopened, a_job, a_part
from tests.unit.fleettrace import strategies

# Parts


def test_a_part_reads_back_as_saved(database: Reopened) -> None:
    snapshot = Snapshot(
        histograms=(Histogram((("disk", "sda"),), "us", LOG2, ((0, 1), (7, 2))),),
        stacks=(STACK, Stack(("a",), 1, "samples"), STACK),
        counts=(Count((("process", "nginx"),), 4),),
        events=(Event(5, (("pid", "1"),)),),
    )
    part = a_part(snapshot=snapshot)
    database.store.save_job(a_job())
    assert database.store.save_part(part)
    assert database.store.parts("j1") == [part]
    assert database.reopen().parts("j1") == [part]


@QUICK
@given(part=strategies.host_parts)
def test_any_part_reads_back_as_saved(store: Store, part: HostPart) -> None:
    own = replace(part, part=replace(part.part, kind=RunKind.TRACE))
    job_id = own.part.run.job_id
    store.save_job(a_job(job_id))
    if store.save_part(own):
        assert own in store.parts(job_id)


def test_a_final_part_is_never_replaced(store: Store) -> None:
    store.save_job(a_job())
    assert store.save_part(a_part(events=5))
    # Sent again, sent again with other numbers, an interim one that was late: nothing changes.
    assert not store.save_part(a_part(events=5))
    assert not store.save_part(a_part(events=6))
    assert not store.save_part(a_part(events=4, final=False))
    assert store.parts("j1") == [a_part(events=5)]


def test_an_interim_part_is_replaced_by_the_next_and_by_the_final_one(store: Store) -> None:
    store.save_job(a_job())
    assert store.save_part(a_part(events=1, final=False))
    assert not store.save_part(a_part(events=1, final=False))
    assert store.save_part(a_part(events=2, final=False))
    assert store.parts("j1") == [a_part(events=2, final=False)]
    assert store.save_part(a_part(events=2, final=True))
    assert store.parts("j1") == [a_part(events=2)]


def test_parts_come_by_host_and_attempt(store: Store) -> None:
    store.save_job(a_job())
    store.save_job(a_job("j2"))
    saved = [a_part("b"), a_part("a", attempt=10), a_part("a", attempt=2), a_part("a", job_id="j2")]
    for part in saved:
        store.save_part(part)
    assert store.parts("j1") == [saved[2], saved[1], saved[0]]
    assert store.parts("j1", "a") == [saved[2], saved[1]]
    assert store.parts("j1", "c") == store.parts("j3") == []


def test_the_parts_of_frequency_checks_are_kept_apart(store: Store) -> None:
    store.save_job(a_job())
    assert store.save_part(a_part(kind=RunKind.FREQUENCY_CHECK))
    assert store.parts("j1") == []
    assert not store.save_part(a_part(kind=RunKind.FREQUENCY_CHECK, events=9))


def test_a_part_belongs_to_a_job(store: Store) -> None:
    with pytest.raises(NotFound, match="no job 'j1'"):
        store.save_part(a_part())
    assert store.parts("j1") == []


def test_two_stacks_with_one_hash_are_refused_and_nothing_is_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a hash that cannot tell stacks of one length apart, and a part that is kept
    store.save_job(a_job())
    monkeypatch.setattr(blobs, "stack_hash", lambda frames: bytes([len(frames)]) * 16)
    first = a_part("a", snapshot=Snapshot(stacks=(Stack(("x", "y"), 1, "us"),)))
    store.save_part(first)
    # WHEN a part comes with other frames under a hash that is known, and a new stack besides
    clash = a_part("b", snapshot=Snapshot(stacks=(Stack(("new",), 1, "us"), Stack(("x", "z"), 1, "us"))))
    with pytest.raises(Malformed, match="two different stacks share the hash 0202"):
        store.save_part(clash)
    # THEN nothing of it is kept, not even the stack that was no problem
    assert store.parts("j1") == [first]
    other = a_part("b", snapshot=Snapshot(stacks=(Stack(("newer",), 1, "us"),)))
    assert store.save_part(other)
    # AND the same within one part, and in a merge
    with pytest.raises(Malformed):
        store.save_part(
            a_part("c", snapshot=Snapshot(stacks=(Stack(("a", "b", "p"), 1, "us"), Stack(("a", "b", "q"), 1, "us"))))
        )
    with pytest.raises(Malformed):
        store.save_merged("j1", Snapshot(stacks=(Stack(("x", "z"), 1, "us"),)))
    assert store.merged("j1") is None


def test_text_that_is_none_reads_back_marked(store: Store) -> None:
    # GIVEN a process whose name is no UTF-8, in everything that is saved
    name = os.fsdecode(b"evil\xff")
    store.save_job(replace(a_job(), reason=name, decisions=(Decision(1, "host", "abort", name, name),)))
    store.save_host(replace(HOST, missing_reason=name))
    store.save_part(a_part(snapshot=Snapshot(stacks=(Stack((name,), 1, "us"),), counts=(Count((("p", name),), 1),))))
    # THEN it reads back with the byte marked
    job = store.job("j1")
    assert job is not None
    assert job.reason == job.decisions[0].reason == job.decisions[0].rule == r"evil\xff"
    assert store.hosts()[0].missing_reason == r"evil\xff"
    (part,) = store.parts("j1")
    assert part.part.snapshot.stacks[0].frames == (r"evil\xff",)
    assert part.part.snapshot.counts[0].key == (("p", r"evil\xff"),)


# Merges


def test_a_merge_is_kept_beside_its_parts(database: Reopened) -> None:
    # GIVEN parts of two hosts
    store = database.store
    store.save_job(a_job())
    for host in ("a", "b"):
        store.save_part(a_part(host, snapshot=Snapshot(stacks=(STACK,), counts=(Count((("of", host),), 2),))))
    merged = merge(part.part.snapshot for part in store.parts("j1"))
    # WHEN their merge is saved
    assert store.merged("j1") is None
    store.save_merged("j1", merged)
    # THEN it reads back, can be made again from the parts, and a newer one replaces it
    assert store.merged("j1") == merged == merge(part.part.snapshot for part in store.parts("j1"))
    assert database.reopen().merged("j1") == merged
    database.store.save_merged("j1", Snapshot())
    assert database.store.merged("j1") == Snapshot()


def test_a_merge_belongs_to_a_job(store: Store) -> None:
    with pytest.raises(NotFound, match="no job 'j1'"):
        store.save_merged("j1", Snapshot())
