import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleettrace.errors import Malformed
from fleettrace.model.job import Coverage, HostPart, JobResult
from fleettrace.snapshot import Snapshot, Stack, StackColumns
from fleettrace.wire.codec import job_result_from_pieces, job_result_to_pieces, numbered
from fleettrace.wire.limits import MAX_MESSAGE_BYTES
from fleettrace.wire.v1 import control_pb2 as pb
from fleettrace.wire.v1 import types_pb2 as types
from tests.unit.controller.report import samples
from tests.unit.fleettrace import strategies
from tests.unit.fleettrace.wire.test_codec_round_trip import QUICK

Pieces = list[pb.JobResultPiece]


def crossed(result: JobResult) -> Pieces:
    return [pb.JobResultPiece.FromString(piece.SerializeToString()) for piece in job_result_to_pieces(result)]


def a_result_of(parts: tuple[HostPart, ...], merged: Snapshot) -> JobResult:
    return JobResult(samples.done_job("profile"), Coverage(len(parts), len(parts)), merged, parts)


def a_result(hosts: int = 2, stacks: int = 3) -> JobResult:
    """Hosts with the same stacks."""
    own = Snapshot(stacks=tuple(Stack(("nginx", "main", f"call_{n:04}"), n + 1, "samples") for n in range(stacks)))
    parts = tuple(samples.part(f"api-{number}", own) for number in range(hosts))
    return a_result_of(parts, own)


@QUICK
@given(strategies.results)
def test_a_result_comes_back_from_its_pieces_as_it_was(result: JobResult) -> None:
    assert job_result_from_pieces(crossed(result)) == result


@QUICK
@given(strategies.results)
def test_what_came_in_pieces_can_be_sent_on_as_it_is(result: JobResult) -> None:
    # GIVEN a result whose stacks are in columns, since it came in pieces
    received = job_result_from_pieces(crossed(result))
    # THEN it is sent again with the same bytes
    first, second = (
        [piece.SerializeToString(deterministic=True) for piece in crossed(it)] for it in (result, received)
    )
    assert first == second


def test_frames_cross_the_wire_once_for_all_hosts() -> None:
    one, many = (sum(len(piece.SerializeToString()) for piece in crossed(a_result(hosts, 500))) for hosts in (1, 101))
    # A stack of another host takes its number and its value, and not 20 bytes of names.
    assert (many - one) / 100 < 500 * 6 + 300


@given(st.integers(1, 7), st.integers(1, 5))
def test_pieces_are_of_bounded_size(frames: int, stacks: int) -> None:
    # GIVEN messages that may hold a few frames and stacks only
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbered, "MAX_FRAMES_A_PIECE", frames)
        patch.setattr(numbered, "MAX_STACKS_A_PIECE", stacks)
        result = a_result(stacks=9)
        pieces = crossed(result)
    # THEN the result comes in more of them, none with more, and is whole
    chains = [len(piece.chains.frames) for piece in pieces if piece.HasField("chains")]
    assert sum(chains) == 27
    assert max(chains) <= frames + 2
    assert max(len(piece.merged_stacks.chains) for piece in pieces) <= stacks
    assert job_result_from_pieces(pieces) == result


def test_a_fleet_whose_stacks_are_larger_than_a_message_comes_whole() -> None:
    # GIVEN hosts whose stacks, with their frames, would make a message larger than may be
    frames = tuple(f"a_function_with_a_long_name_{depth:03}" for depth in range(100))
    own = Snapshot(stacks=tuple(Stack((*frames, f"leaf_{n:04}"), 1, "samples") for n in range(200)))
    parts = tuple(samples.part(f"api-{number}", own) for number in range(120))
    assert len(parts) * len(own.stacks) * sum(map(len, frames)) > MAX_MESSAGE_BYTES
    result = a_result_of(parts, own)
    # WHEN it crosses the wire
    pieces = crossed(result)
    # THEN each message is far smaller, and all hosts' stacks are columns over the same chains
    assert max(piece.ByteSize() for piece in pieces) < MAX_MESSAGE_BYTES / 10
    received = job_result_from_pieces(pieces)
    first, *_, last = (part.part.snapshot.stacks for part in received.hosts)
    assert isinstance(first, StackColumns)
    assert isinstance(last, StackColumns)
    assert first.chains is last.chains
    assert received == result


def test_stacks_of_several_units_come_back_in_their_order() -> None:
    mixed = Snapshot(
        stacks=(Stack(("a",), 1, "us", 2), Stack(("b",), 2, "us"), Stack(("a",), 3, "samples"), Stack(("b",), 1, "us"))
    )
    result = a_result_of((samples.part("api-1", mixed),), Snapshot())
    assert job_result_from_pieces(crossed(result)) == result


def head() -> pb.JobResultPiece:
    return crossed(a_result())[0]


CHAINS = pb.JobResultPiece(chains=types.StackChains(names=["a"], lengths=[1], frames=[0]))
STACKS = pb.JobResultPiece(merged_stacks=types.NumberedStacks(unit="us", chains=[0], values=[1]))
BAD = {
    "nothing": ([], "without its head"),
    "no head": ([CHAINS], "one head"),
    "two heads": ([head(), head()], "one head"),
    "an empty piece": ([head(), pb.JobResultPiece()], "not known"),
    "a head without a job": ([pb.JobResultPiece(head=pb.JobResult())], "job id"),
    "chains after hosts": ([head(), crossed(a_result())[-1], CHAINS], "did not come|too late|needs a chain"),
    "a stack without its chain": ([head(), STACKS], "needs a chain"),
    "chains of nothing": ([head(), pb.JobResultPiece(chains=types.StackChains(lengths=[1]))], "came with 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_pieces_outside_the_contract(case: str) -> None:
    pieces, words = BAD[case]
    with pytest.raises(Malformed, match=words) as refusal:
        job_result_from_pieces(pieces)
    assert "\n" not in str(refusal.value)


def test_more_stacks_than_a_host_may_have_are_refused() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fleettrace.wire.codec.pieces.MAX_ENTRIES", 2)
        with pytest.raises(Malformed, match="at most 2 entries"):
            job_result_from_pieces(crossed(a_result(stacks=3)))
