"""Values of parameters on the wire."""

from collections.abc import Mapping

from fleettrace.errors import Malformed
from fleettrace.model.params import ParamValue
from fleettrace.wire.codec.fields import wire_text
from fleettrace.wire.v1 import types_pb2 as types

__all__ = ["params_from_wire", "params_to_wire"]


def params_to_wire(params: Mapping[str, ParamValue]) -> dict[str, types.ParamValue]:
    """Each value as what it is."""
    return {
        name: types.ParamValue(text=wire_text(value)) if isinstance(value, str) else types.ParamValue(integer=value)
        for name, value in params.items()
    }


def params_from_wire(message: Mapping[str, types.ParamValue]) -> dict[str, ParamValue]:
    """Raises :class:`Malformed` for a parameter without a value."""
    return {name: _value(name, value) for name, value in message.items()}


def _value(name: str, message: types.ParamValue) -> ParamValue:
    match message.WhichOneof("value"):
        case "integer":
            return message.integer
        case "text":
            return message.text
        case _:
            raise Malformed(f"parameter {name!r} has no value")
