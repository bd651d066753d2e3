"""An answer that does not fit is cut, and says so."""

from hypothesis import given
from hypothesis import strategies as st

from fleettrace.model.inspection import Answer, Finding, ProbeArgument, ProbeList, ProbePoint, Unanswered
from fleettrace.wire.codec import answer_from_wire, answer_to_wire
from fleettrace.wire.v1 import inspection_pb2 as pb
from node_agent.inspection.bounds import bounded


def encode(finding: Finding) -> bytes:
    return answer_to_wire(Answer("q", 0, 0, finding)).SerializeToString()


def decoded(data: bytes) -> Finding:
    return answer_from_wire(pb.Answer.FromString(data)).finding


@given(st.integers(0, 60), st.integers(300, 4_000))
def test_as_many_probes_as_fit_are_kept_and_all_are_counted(number: int, limit_bytes: int) -> None:
    probes = tuple(ProbePoint(f"tracepoint:a:b{index:03}", (ProbeArgument("x", "int"),)) for index in range(number))
    whole = ProbeList(probes, number)
    data = bounded(whole, encode, limit_bytes)
    assert len(data) <= limit_bytes
    kept = decoded(data)
    assert isinstance(kept, ProbeList)
    assert kept.matched == number
    assert kept.probes == probes[: len(kept.probes)]
    if len(encode(whole)) <= limit_bytes:
        assert kept == whole
    else:
        assert "narrow the pattern" in kept.notes[-1]
        # One more would not have fitted.
        more = ProbeList(probes[: len(kept.probes) + 1], number, kept.notes)
        assert len(encode(more)) > limit_bytes


def test_what_cannot_be_cut_is_refused() -> None:
    kept = decoded(bounded(Unanswered("x" * 5_000), encode, 1_000))
    assert isinstance(kept, Unanswered)
    assert "1000 are allowed" in kept.reason
