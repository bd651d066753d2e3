"""The types of parameters, and what a value of each reads as."""

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

__all__ = [
    "FORMS",
    "MAX_COMM_BYTES",
    "MAX_SYSCALL_CHARS",
    "NUMERIC_TYPES",
    "TEXT_LENGTHS",
    "ParamType",
    "ParamValue",
    "comm_of",
    "parse_network",
    "reads_as",
]

ParamValue = int | str

MAX_COMM_BYTES = 15
"""A task's name in the kernel: TASK_COMM_LEN without its zero."""

MAX_SYSCALL_CHARS = 64

_SYSCALL = re.compile(rf"[a-z_][a-z0-9_]{{0,{MAX_SYSCALL_CHARS - 1}}}")
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

FORMS = {
    ParamType.SYSCALL: "a system call's name, such as openat",
    ParamType.COMM: f"a process' name of 1 to {MAX_COMM_BYTES} bytes",
    ParamType.CGROUP: "a cgroup's path below the mount point, such as system.slice/nginx.service",
    ParamType.CONTAINER: "a container's id, the beginning of one, or a name",
    ParamType.ADDRESS: "an IPv4 or IPv6 address, or a network without host bits such as 10.1.0.0/16",
    ParamType.PATH: "an absolute path such as /usr/bin/python3.11, without ..",
    ParamType.SYMBOL: "a function's exact name, without wildcards",
    ParamType.NAME: "a word of letters, digits, _ and -",
}
"""What a value of each type of text is, for people."""

TEXT_LENGTHS: Mapping[str, int] = {
    ParamType.PATH: MAX_PATH_CHARS,
    ParamType.SYMBOL: MAX_SYMBOL_CHARS,
    ParamType.NAME: MAX_PROBE_NAME_CHARS,
}
"""The types of text that a tool may have as its own parameters, with the most characters of each."""


def comm_of(name: str) -> str:
    """What the kernel makes of a process' name: its first 15 bytes (``__set_task_comm`` in fs/exec.c)."""
    return name.encode(errors="replace")[:MAX_COMM_BYTES].decode(errors="ignore")


def reads_as(kind: ParamType, text: str) -> bool:
    """Whether a text is a value of the type; of a choice and of numbers it is not for the text to say."""
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
