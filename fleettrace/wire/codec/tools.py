"""Tools on the wire: what an operator is shown of them."""

from fleettrace.model.tool import Param, ResultKind, ToolDefinition, ToolListing
from fleettrace.wire.codec.fields import parse_choice, parse_id
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["tool_from_wire", "tool_to_wire"]


def tool_to_wire(tool: ToolDefinition | ToolListing) -> control.Tool:
    """What is told of a tool: everything but how it is built."""
    return control.Tool(
        name=tool.name,
        digest=tool.digest,
        question=tool.question,
        result=tool.result.value,
        params=[
            control.ToolParam(
                name=param.name, default=param.default, minimum=param.minimum, maximum=param.maximum, help=param.help
            )
            for param in tool.params
        ],
        capabilities=tool.capabilities,
        probes=tool.probes,
        readme=tool.readme,
    )


def tool_from_wire(message: control.Tool) -> ToolListing:
    """Raises :class:`Malformed` for no name or digest, and a kind of result that this version does not know."""
    return ToolListing(
        name=parse_id(message.name, "tool's name"),
        digest=parse_id(message.digest, "tool's digest"),
        question=message.question,
        result=parse_choice(ResultKind, message.result, "kind of result"),
        params=tuple(
            Param(param.name, param.default, param.minimum, param.maximum, param.help) for param in message.params
        ),
        capabilities=tuple(message.capabilities),
        probes=tuple(message.probes),
        readme=message.readme,
    )
