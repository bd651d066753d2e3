"""Tools on the wire: what an operator is shown of them."""

from fleettrace.model.output import ResultKind
from fleettrace.model.params import NUMERIC_TYPES, Param, ParamType
from fleettrace.model.tool import ToolDefinition, ToolListing
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
                name=param.name,
                default=param.default if isinstance(param.default, int) else 0,
                minimum=param.minimum,
                maximum=param.maximum,
                help=param.help,
                type=param.type.value,
                default_text=param.default if isinstance(param.default, str) else "",
                choices=param.choices,
            )
            for param in (tool.all_params if isinstance(tool, ToolDefinition) else tool.params)
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
        params=tuple(_param_from_wire(param) for param in message.params),
        capabilities=tuple(message.capabilities),
        probes=tuple(message.probes),
        readme=message.readme,
    )


def _param_from_wire(message: control.ToolParam) -> Param:
    kind = parse_choice(ParamType, message.type, "type of parameter")
    default = message.default if kind in NUMERIC_TYPES else message.default_text
    choices = tuple(message.choices)
    return Param(message.name, default, message.minimum, message.maximum, message.help, kind, choices)
