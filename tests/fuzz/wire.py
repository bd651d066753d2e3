"""Each message of the wire: the model that it holds can be sent on and reads the same, or it is Malformed."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, get_type_hints

from google.protobuf.message import DecodeError, Message

from fleettrace.errors import Malformed
from fleettrace.wire import codec
from tests.fuzz.target import Target

__all__ = ["DECODERS", "TARGETS", "check_decoder"]

SEEDS_PER_DECODER = 6


def check_decoder(
    kind: type[Message], to_wire: Callable[[Any], Message], from_wire: Callable[[Any], Any], data: bytes
) -> Any:
    """The model, or None where the bytes are no message or it is outside its contract; anything else is a fault."""
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None  # gRPC ends the call
    try:
        model = from_wire(message)
    except Malformed:
        return None
    # What was let in can be sent on, and reads the same: nothing of it is wider than the wire allows.
    again = to_wire(model)
    assert from_wire(type(again).FromString(again.SerializeToString())) == model
    return model


def _decoders() -> dict[str, tuple[type[Message], Callable[[Any], Message], Callable[[Any], Any]]]:
    """Every pair of the codec that is about one message, by name: a new one is fuzzed from its first day."""
    found = {}
    for name in sorted(one.removesuffix("_from_wire") for one in codec.__all__ if one.endswith("_from_wire")):
        from_wire, to_wire = getattr(codec, f"{name}_from_wire"), getattr(codec, f"{name}_to_wire")
        first = next(iter(inspect.signature(from_wire).parameters))
        kind = get_type_hints(from_wire)[first]
        if isinstance(kind, type) and issubclass(kind, Message):
            found[name] = (kind, to_wire, from_wire)
    return found


DECODERS = _decoders()
_NAMES = list(DECODERS)


def _seeds(name: str) -> Sequence[bytes]:
    # In the test alone: the fuzzing process needs none of it.
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415

    from tests.unit.fleettrace.wire.test_codec_round_trip import MODELS  # noqa: PLC0415

    found: list[bytes] = []
    if name in MODELS:
        strategy, to_wire, _ = MODELS[name]

        @settings(
            max_examples=SEEDS_PER_DECODER,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def collect(model: Any) -> None:
            found.append(to_wire(model).SerializeToString())

        collect()
    return found


def _target(name: str) -> Target:
    def check(data: bytes) -> None:
        check_decoder(*DECODERS[name], data)

    return Target(check, lambda: _seeds(name))


TARGETS = {name: _target(name) for name in _NAMES}
