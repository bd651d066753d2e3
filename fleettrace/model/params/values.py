"""What was given for a tool's parameters, checked and filled up with their defaults."""

from collections.abc import Mapping, Sequence

from fleettrace.errors import BadParameter
from fleettrace.model.params.filters import COMMON_NAMES
from fleettrace.model.params.forms import FORMS, ParamValue
from fleettrace.model.params.param import Param

__all__ = ["parse_values", "resolve_values"]


def resolve_values(tool: str, params: Sequence[Param], given: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
    """The tool's parameters with their values, those given or the defaults, and the filters that are given.

    Raises:
        BadParameter: an unknown name, or a value out of range.
    """
    known = _known(tool, params, given)
    resolved = {
        param.name: given.get(param.name, param.default)
        for param in params
        if param.name in given or param.name not in COMMON_NAMES
    }
    for param in params:
        if param.is_required and param.name not in given:
            raise BadParameter(f"{tool} needs {param.name}, {FORMS[param.type]}: add {param.name}=...")
    for name, value in given.items():
        param = known[name]
        # An order carries all of the tool's own values, so that those which are not set come as their defaults.
        if value != param.default or param.is_required or name in COMMON_NAMES:
            param.check(tool, value)
    return resolved


def parse_values(tool: str, params: Sequence[Param], given: Mapping[str, str]) -> dict[str, ParamValue]:
    """Like :func:`resolve_values`, from text as typed."""
    known = _known(tool, params, given)
    typed = {name: known[name].parse(tool, text) for name, text in given.items()}
    for name, value in typed.items():
        known[name].check(tool, value)
    return resolve_values(tool, params, typed)


def _known(tool: str, params: Sequence[Param], given: Mapping[str, object]) -> dict[str, Param]:
    known = {param.name: param for param in params}
    for name in given:
        if name not in known:
            raise BadParameter(f"{tool} has no parameter {name!r}; it has: {', '.join(known)}")
    return known
