"""Parameters: what a caller may set of a tool, the filters that tools share, and their values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from fleettrace.errors import BadParameter

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
    "parse_network",
    "parse_values",
    "resolve_values",
]

ParamValue = int | str

MAX_COMM_BYTES = 15
"""A task's name in the kernel: TASK_COMM_LEN without its zero."""

MAX_SYSCALL_CHARS = 64

_SYSCALL = re.compile(rf"[a-z_][a-z0-9_]{{0,{MAX_SYSCALL_CHARS - 1}}}")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_CGROUP = re.compile(r"/?[A-Za-z0-9@_.:\\-][A-Za-z0-9@_.:\\/-]{0,1023}")
_CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
_SYMBOL = re.compile(r"[A-Za-z_$.~<][^*?]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

MAX_PATH_CHARS = 1024
MAX_SYMBOL_CHARS = 1024
MAX_PROBE_NAME_CHARS = 128


class ParamType(StrEnum):
    """How a parameter's value reads."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    """True or false; 1 or 0 to the program."""
    CHOICE = "choice"
    """One of the parameter's words; its place among them to the program."""
    SYSCALL = "syscall"
    """A system call's name; its number plus 1 to the program."""
    COMM = "comm"
    """A process' name as the kernel has it."""
    CGROUP = "cgroup"
    """A cgroup v2 path, with all below it."""
    CONTAINER = "container"
    """A container's id or the beginning of it, or its name where the host can tell."""
    ADDRESS = "address"
    """An IPv4 or IPv6 address, or a network: an address and the length of its prefix."""
    PATH = "path"
    """A file's absolute path, as the host or the container that is asked for has it."""
    SYMBOL = "symbol"
    """A function's exact name, as the linker has it or as C++ and Rust write it."""
    NAME = "name"
    """A word, such as the provider or the name of a USDT probe."""


NUMERIC_TYPES = frozenset({ParamType.INTEGER, ParamType.BOOLEAN})
"""Whose values are numbers, everywhere but where they are typed."""


@dataclass(frozen=True, slots=True)
class Param:
    """A value that a caller may set; it becomes a constant of the program when that is loaded.

    For text, ``minimum`` and ``maximum`` bound its length, and an empty default is: not set; text of the types in
    :data:`TEXT_LENGTHS` must be given. ``choices`` are the words that a choice takes.
    """

    name: str
    default: ParamValue
    minimum: int
    maximum: int
    help: str
    type: ParamType = ParamType.INTEGER
    choices: tuple[str, ...] = ()

    @property
    def is_required(self) -> bool:
        """Whether a run must give it."""
        return self.type in TEXT_LENGTHS

    @property
    def range_text(self) -> str:
        """What values it takes, for people."""
        match self.type:
            case ParamType.INTEGER:
                return f"{self.minimum}..{self.maximum}"
            case ParamType.BOOLEAN:
                return "true or false"
            case ParamType.CHOICE:
                return ", ".join(self.choices)
            case ParamType.ADDRESS:
                return "an address or network"
            case _:
                return f"a {self.type}"

    @property
    def default_text(self) -> str:
        """Its default as it would be typed; empty: not set. It says so where there is none."""
        if self.is_required:
            return "(required)"
        return str(bool(self.default)).lower() if self.type is ParamType.BOOLEAN else str(self.default)

    def check(self, tool: str, value: ParamValue) -> None:
        """Raise :class:`BadParameter` unless the value is of the type and within its bounds."""
        if self.type in NUMERIC_TYPES:
            if isinstance(value, str) or not self.minimum <= value <= self.maximum:
                raise BadParameter(f"{tool}'s {self.name} must be within {self.minimum}..{self.maximum}, not {value}")
        elif self.type is ParamType.CHOICE:
            if value not in self.choices:
                raise BadParameter(
                    f"{tool}'s {self.name} must be one of {', '.join(self.choices)}, not {str(value)[:40]!r}"
                )
        elif not isinstance(value, str) or not _reads_as(self.type, value):
            raise BadParameter(f"{tool}'s {self.name} must be {_FORMS[self.type]}, not {str(value)[:40]!r}")

    def parse(self, tool: str, text: str) -> ParamValue:
        """The value of a text as typed.

        Raises:
            BadParameter: it is not of the type.
        """
        if self.type is ParamType.BOOLEAN:
            if text.lower() not in _TRUTHS:
                raise BadParameter(f"{tool}'s {self.name} must be true or false, not {text[:40]!r}")
            return _TRUTHS[text.lower()]
        if self.type is not ParamType.INTEGER:
            return text
        if not _WHOLE_NUMBER.fullmatch(text):
            raise BadParameter(f"{tool}'s {self.name} must be a whole number, not {text[:40]!r}")
        return int(text)


_TRUTHS = {"true": 1, "yes": 1, "on": 1, "1": 1, "false": 0, "no": 0, "off": 0, "0": 0}

_FORMS = {
    ParamType.SYSCALL: "a system call's name, such as openat",
    ParamType.COMM: f"a process' name of 1 to {MAX_COMM_BYTES} bytes",
    ParamType.CGROUP: "a cgroup's path below the mount point, such as system.slice/nginx.service",
    ParamType.CONTAINER: "a container's id, the beginning of one, or a name",
    ParamType.ADDRESS: "an IPv4 or IPv6 address, or a network without host bits such as 10.1.0.0/16",
    ParamType.PATH: "an absolute path such as /usr/bin/python3.11, without ..",
    ParamType.SYMBOL: "a function's exact name, without wildcards",
    ParamType.NAME: "a word of letters, digits, _ and -",
}

TEXT_LENGTHS: Mapping[str, int] = {
    ParamType.PATH: MAX_PATH_CHARS,
    ParamType.SYMBOL: MAX_SYMBOL_CHARS,
    ParamType.NAME: MAX_PROBE_NAME_CHARS,
}
"""The types of text that a tool may have as its own parameters, with the most characters of each."""


def _reads_as(kind: ParamType, text: str) -> bool:
    match kind:
        case ParamType.COMM:
            return text.isprintable() and 1 <= len(text.encode(errors="replace")) <= MAX_COMM_BYTES
        case ParamType.CGROUP:
            return _CGROUP.fullmatch(text) is not None and ".." not in text.split("/")
        case ParamType.CONTAINER:
            return _CONTAINER.fullmatch(text) is not None
        case ParamType.PATH:
            return text.startswith("/") and _is_line(text, MAX_PATH_CHARS) and ".." not in text.split("/")
        case ParamType.SYMBOL:
            return _is_line(text, MAX_SYMBOL_CHARS) and _SYMBOL.fullmatch(text) is not None
        case ParamType.NAME:
            return _is_line(text, MAX_PROBE_NAME_CHARS) and _NAME.fullmatch(text) is not None
        case ParamType.SYSCALL:
            return _SYSCALL.fullmatch(text) is not None
        case ParamType.ADDRESS:
            return _is_network(text)
        case _:
            return False


def _is_line(text: str, max_chars: int) -> bool:
    return len(text) <= max_chars and text.isprintable()


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """The network that a value of the type "address" stands for; an address is one of its own.

    Raises:
        ValueError: it is neither an address nor a network, or has bits beyond its prefix, or a zone.
    """
    if "%" in text:
        raise ValueError("a zone has no meaning on other hosts")
    return ip_network(text)


def _is_network(text: str) -> bool:
    try:
        parse_network(text)
    except ValueError:
        return False
    return True


PROCESS_FILTERS = (
    Param("pid", 0, 1, 4_194_304, "Only this process (its process id)."),
    Param("comm", "", 1, MAX_COMM_BYTES, "Only processes of this name.", ParamType.COMM),
    Param("cgroup", "", 1, 1024, "Only processes in this cgroup and below.", ParamType.CGROUP),
    Param("container", "", 1, 253, "Only processes of this container.", ParamType.CONTAINER),
)
"""What a tool can be narrowed to unless its manifest says otherwise; none is set unless it is given."""

MAX_PORT = 65_535
MAX_NETWORK_CHARS = 49
"""Of the longest spelling of an IPv6 network: six groups, an IPv4 address and a prefix."""

CONNECTION_FILTERS = (
    Param("port", 0, 1, MAX_PORT, "Only connections with this port at either end."),
    Param("local_port", 0, 1, MAX_PORT, "Only connections with this port at the host's own end."),
    Param("peer_port", 0, 1, MAX_PORT, "Only connections with this port at the peer's end."),
    Param(
        "address",
        "",
        1,
        MAX_NETWORK_CHARS,
        "Only connections with this peer, or one in this network.",
        ParamType.ADDRESS,
    ),
)
"""What tools that follow connections can be narrowed to besides; their manifests name those that hold."""

FILTERS = (*PROCESS_FILTERS, *CONNECTION_FILTERS)

FINE = Param("fine", 0, 0, 4, "2^fine buckets of equal width in each octave of a histogram; 0: one.")
"""What every tool with a histogram takes besides. Finer buckets fold into coarser ones without loss."""

COMMON_NAMES = frozenset(param.name for param in (*FILTERS, FINE))
"""Names that no tool may give to a parameter of its own; these are among the values only when they are given."""


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
            raise BadParameter(f"{tool} needs {param.name}, {_FORMS[param.type]}: add {param.name}=...")
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
