"""The chain: whatever is changed, added, taken away or moved is found, and named."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.audit.chain import MAX_TEXT_CHARS, ROOT, Verifier, entry_of, genesis, seal, seal_all
from fleettrace.errors import AuditBroken, BadInput
from fleettrace.model.audit import AuditEntry, AuditHead, AuditRecord

texts = st.text(max_size=30)
entries = st.builds(
    AuditEntry,
    at_ms=st.integers(0, 2**53),
    operator=texts,
    team=texts,
    kind=st.sampled_from(["job.policy", "job.wave", "token.created"]),
    subject=texts,
    outcome=texts,
    rule=texts,
    detail=st.dictionaries(texts, texts, max_size=3),
    hosts=st.lists(texts, max_size=3).map(tuple),
)


def log_of(some: list[AuditEntry]) -> list[AuditRecord]:
    first = genesis("d1", 1)
    return [first, *seal_all(AuditHead(1, first.hash), some)]


def verify(records: list[AuditRecord], expected: AuditHead | None = None) -> AuditHead:
    verifier = Verifier(expected)
    for record in records:
        verifier.take(record)
    return verifier.end()


logs = st.lists(entries, min_size=1, max_size=5).map(log_of)


@given(logs)
def test_what_was_written_is_whole(log: list[AuditRecord]) -> None:
    head = verify(log)
    assert head == AuditHead(len(log), log[-1].hash)
    assert verify(log, head) == head
    assert verify(log, AuditHead(1, log[0].hash)) == head


@given(st.lists(entries, max_size=5))
def test_entries_read_back(some: list[AuditEntry]) -> None:
    for entry, record in zip(some, log_of(some)[1:], strict=True):
        again = entry_of(record)
        assert seal(AuditHead(record.number - 1, "0" * 64), again).body == record.body
        if all(text.isascii() for text in (entry.operator, entry.subject)):
            assert (again.operator, again.subject) == (entry.operator, entry.subject)


@settings(max_examples=400)
@given(log=logs, data=st.data())
def test_any_flipped_bit_is_found_at_its_entry(log: list[AuditRecord], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(log) - 1))
    record = log[index]
    place = data.draw(st.sampled_from(["number", "body", "hash"]))
    if place == "number":
        changed = replace(record, number=record.number ^ 1 << data.draw(st.integers(0, 62)))
    elif place == "body":
        bit = data.draw(st.integers(0, len(record.body) * 8 - 1))
        body = bytearray(record.body)
        body[bit // 8] ^= 1 << bit % 8
        changed = replace(record, body=bytes(body))
    else:
        at = data.draw(st.integers(0, 63))
        bit = data.draw(st.integers(0, 6))
        changed = replace(record, hash=record.hash[:at] + chr(ord(record.hash[at]) ^ 1 << bit) + record.hash[at + 1 :])
    with pytest.raises(AuditBroken, match=f"entry {index + 1} of the audit log"):
        verify([*log[:index], changed, *log[index + 1 :]])


@given(log=logs, data=st.data())
def test_an_entry_that_is_taken_away_is_missed(log: list[AuditRecord], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(log) - 1))
    # The last one is missed by whoever has kept the head.
    with pytest.raises(AuditBroken, match=f"entry {index + 1} of the audit log is missing"):
        verify(log[:index] + log[index + 1 :], verify(log))


@given(log=logs, data=st.data())
def test_entries_in_another_order_are_found(log: list[AuditRecord], data: st.DataObject) -> None:
    first, second = sorted(data.draw(st.sets(st.integers(0, len(log) - 1), min_size=2, max_size=2)))
    log[first], log[second] = log[second], log[first]
    with pytest.raises(AuditBroken, match=f"entry {first + 1} of the audit log"):
        verify(log)


@given(log=logs, entry=entries, data=st.data())
def test_an_entry_that_is_put_in_is_found(log: list[AuditRecord], entry: AuditEntry, data: st.DataObject) -> None:
    index = data.draw(st.integers(1, len(log) - 1))
    # Even one that is chained rightly to what stands before it: what follows does not follow it.
    new = seal(AuditHead(index, log[index - 1].hash), entry)
    later = [replace(record, number=record.number + 1) for record in log[index:]]
    with pytest.raises(AuditBroken, match=f"entry {index + 2} of the audit log was changed"):
        verify([*log[:index], new, *later])


@given(log=logs, entry=entries)
def test_a_log_that_was_written_anew_is_found_by_a_kept_head(log: list[AuditRecord], entry: AuditEntry) -> None:
    head = verify(log)
    anew = log_of([replace(entry, subject=f"{entry.subject}!")] * (len(log) - 1))
    if anew[-1].hash != head.hash:
        with pytest.raises(AuditBroken, match=f"entry {len(log)} of the audit log is not the one"):
            verify(anew, head)


def test_an_empty_log_and_one_without_its_first_entry_are_broken() -> None:
    with pytest.raises(AuditBroken, match=r"entry 1 .* is missing: the log is empty"):
        verify([])
    alone = seal(ROOT, AuditEntry(1, "", "", "job.policy", "j1", "granted"))
    with pytest.raises(AuditBroken, match="entry 1 of the audit log is not one that can stand there"):
        verify([alone])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"7",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"number":1}',
        b'{"number":1,"at_ms":"x","hosts":7}',
        b'{"number": 1}',
    ],
)
def test_a_body_that_is_none_is_called_broken_and_nothing_worse(body: bytes) -> None:
    digest = hashlib.sha256(ROOT.hash.encode() + body).hexdigest()
    with pytest.raises(AuditBroken, match="entry 1 of the audit log"):
        verify([AuditRecord(1, body, digest)])


def test_the_hash_is_one_that_a_shell_can_make() -> None:
    record = genesis("d1", 7)
    assert record.hash == hashlib.sha256(("0" * 64).encode() + record.body).hexdigest()
    assert record.body == (
        b'{"at_ms":7,"detail":{},"hosts":[],"kind":"genesis","number":1,"operator":"","outcome":"begun","rule":"",'
        b'"subject":"d1","team":""}'
    )


def test_texts_are_bounded() -> None:
    entry = AuditEntry(1, "o" * 10_000, "", "job.policy", "j1", "granted", detail={"reason": "é" * 10_000})
    said = json.loads(seal(ROOT, entry).body)
    assert len(said["operator"]) == len(said["detail"]["reason"]) == MAX_TEXT_CHARS
    assert said["operator"].endswith(" ... (10000 characters)")


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":ab", f"0:{'a' * 64}", f"-1:{'a' * 64}", f"1:{'A' * 64}", "٣:" + "a" * 64]
)
def test_a_head_that_is_none(text: str) -> None:
    with pytest.raises(BadInput, match="as 'fleettrace audit head' prints it"):
        AuditHead.parse(text)


def test_a_head_reads_back() -> None:
    head = AuditHead(42, "0f" * 32)
    assert AuditHead.parse(f" {head}\n") == head
