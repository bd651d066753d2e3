"""Whatever bytes a peer sends: a decoder gives back a model that the wire can carry, or says Malformed."""

import tracemalloc

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.wire import check_decoder
from tests.unit.fleettrace.wire.test_codec_round_trip import MODELS

FUZZ = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
BYTES_PER_BYTE = 400
"""What a decoder may allocate for each byte that a peer sent, and a fixed sum besides."""
FIXED_BYTES = 1 << 20


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes with some flipped, some cut out, some repeated and some put in."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(changed)))
        match draw(st.integers(0, 3)):
            case 0 if at < len(changed):
                changed[at] ^= 1 << draw(st.integers(0, 7))
            case 1:
                del changed[at : at + draw(st.integers(1, 8))]
            case 2:
                changed[at:at] = changed[at : at + draw(st.integers(1, 16))]
            case _:
                changed[at:at] = draw(st.binary(max_size=8))
    return bytes(changed)


def decode(name: str, kind: type[Message], data: bytes) -> None:
    _, to_wire, from_wire = MODELS[name]
    check_decoder(kind, to_wire, from_wire, data)


@pytest.mark.parametrize("name", MODELS)
@FUZZ
@given(data=st.data())
def test_mutated_messages(name: str, data: st.DataObject) -> None:
    strategy, to_wire, _ = MODELS[name]
    message = to_wire(data.draw(strategy))
    decode(name, type(message), data.draw(mutated(message.SerializeToString())))


@pytest.mark.parametrize("name", MODELS)
@FUZZ
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    strategy, to_wire, _ = MODELS[name]
    kind = type(to_wire(data.draw(strategy)))
    decode(name, kind, data.draw(st.binary(max_size=300)))


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_allocated_is_bounded_by_what_was_sent(name: str, data: st.DataObject) -> None:
    strategy, to_wire, _ = MODELS[name]
    message = to_wire(data.draw(strategy))
    raw = message.SerializeToString()
    # Repeated whole, a message's lists grow with it.
    raw = data.draw(mutated(raw)) if len(raw) < 64 else raw * 20
    tracemalloc.start()
    try:
        decode(name, type(message), raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < FIXED_BYTES + BYTES_PER_BYTE * len(raw)
