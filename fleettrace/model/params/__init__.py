"""Parameters: what a caller may set of a tool, the filters that tools share, and their values."""

from fleettrace.model.params.filters import COMMON_NAMES, CONNECTION_FILTERS, FILTERS, FINE, PROCESS_FILTERS
from fleettrace.model.params.forms import (
    MAX_SYSCALL_CHARS,
    NUMERIC_TYPES,
    TEXT_LENGTHS,
    ParamType,
    ParamValue,
    comm_of,
    parse_network,
)
from fleettrace.model.params.param import Param
from fleettrace.model.params.values import parse_values, resolve_values

__all__ = [
    "COMMON_NAMES",
    "CONNECTION_FILTERS",
    "FILTERS",
    "FINE",
    "MAX_SYSCALL_CHARS",
    "NUMERIC_TYPES",
    "PROCESS_FILTERS",
    "TEXT_LENGTHS",
    "Param",
    "ParamType",
    "ParamValue",
    "comm_of",
    "parse_network",
    "parse_values",
    "resolve_values",
]
