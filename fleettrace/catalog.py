"""Tools: one folder each, parsed once into frozen definitions.

A folder holds ``tool.toml``, the program and a README. Its digest covers the manifest, the program and the
common header, so that "the same tool" means the same bytes on the controller and on every host.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from fleettrace.errors import BadInput, BadParameter, UnknownTool

__all__ = [
    "Attach",
    "Cost",
    "Decode",
    "KeyField",
    "Param",
    "ResultKind",
    "ToolDefinition",
    "builtin_tools",
    "find_tool",
    "load_tool",
]

TOOLS_DIRECTORY = Path(__file__).parent / "tools"
COMMON_HEADER = TOOLS_DIRECTORY / "common" / "fleettrace.bpf.h"
MANIFEST = "tool.toml"
PROGRAM = "program.bpf.c"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class ResultKind(StrEnum):
    """What a tool's snapshot is made of."""

    HISTOGRAM = "histogram"
    STACKS = "stacks"
    COUNTS = "counts"


@dataclass(frozen=True, slots=True)
class Param:
    """An integer that a caller may set; it becomes a constant of the program when it is loaded."""

    name: str
    default: int
    minimum: int
    maximum: int
    help: str


@dataclass(frozen=True, slots=True)
class Attach:
    """One program on one probe; ``frequency_param`` names the parameter that sets a sampling rate in Hz."""

    program: str
    probe: str
    frequency_param: str | None = None


@dataclass(frozen=True, slots=True)
class KeyField:
    """One field of a map's key: its label name and how its bytes read (``comm``, ``syscall``, ``u32``, ``u64``)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Decode:
    """Which maps hold the result and how their keys read."""

    map: str
    stacks_map: str | None = None
    key: tuple[KeyField, ...] = ()


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time in ns that one probe hit and one event (a hit that passed the filters) add, as measured.

    ``bounded_hits_per_cpu_param`` names the parameter that hits per second and CPU can never exceed: a
    sampling tool costs the same on a busy host as on a quiet one.
    """

    hit_ns: float
    event_ns: float
    bounded_hits_per_cpu_param: str | None = None


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """Everything that is known of a tool before it runs."""

    name: str
    digest: str
    question: str
    result: ResultKind
    unit: str
    capabilities: tuple[str, ...]
    optional_capabilities: Mapping[str, str]
    cost: Cost
    params: tuple[Param, ...]
    attach: tuple[Attach, ...]
    decode: Decode
    directory: Path
    program_text: str
    readme: str

    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that it attaches to, in order."""
        return tuple(attach.probe for attach in self.attach)

    def resolve_params(self, given: Mapping[str, int]) -> dict[str, int]:
        """All parameters with their values: those given, checked, and the defaults of the others.

        Raises:
            BadParameter: an unknown name, or a value out of range.
        """
        known = {param.name: param for param in self.params}
        for name in given:
            if name not in known:
                offer = ", ".join(known) or "none"
                raise BadParameter(f"{self.name} has no parameter {name!r}; it has: {offer}")
        resolved = {param.name: given.get(param.name, param.default) for param in self.params}
        for name, value in resolved.items():
            if not known[name].minimum <= value <= known[name].maximum:
                raise BadParameter(
                    f"{self.name}'s {name} must be within {known[name].minimum}..{known[name].maximum}, not {value}"
                )
        return resolved

    def parse_params(self, given: Mapping[str, str]) -> dict[str, int]:
        """Like :meth:`resolve_params`, from text as typed (``-p name=value``)."""
        values: dict[str, int] = {}
        for name, text in given.items():
            try:
                values[name] = int(text)
            except ValueError:
                raise BadParameter(f"{self.name}'s {name} must be a whole number, not {text!r}") from None
        return self.resolve_params(values)

    def max_hits_per_s_per_cpu(self, params: Mapping[str, int]) -> float | None:
        """The rate that a sampling tool cannot exceed, in hits per second and CPU; None: events set the rate."""
        name = self.cost.bounded_hits_per_cpu_param
        return float(params[name]) if name is not None else None


def load_tool(directory: Path) -> ToolDefinition:
    """Read one tool's folder.

    Raises:
        BadInput: a file is missing or the manifest is not of the documented form.
    """
    try:
        manifest_bytes = (directory / MANIFEST).read_bytes()
        program = (directory / PROGRAM).read_bytes()
        header = COMMON_HEADER.read_bytes()
        readme = (directory / "README.md").read_text()
        data = tomllib.loads(manifest_bytes.decode())
        return _parse(data, directory, _digest(manifest_bytes, program, header), program.decode(), readme)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"the tool in {directory} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{directory / MANIFEST} is not of the form in docs/tools.md: {error!r}") from error


def _digest(*contents: bytes) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def _parse(data: dict[str, Any], directory: Path, digest: str, program: str, readme: str) -> ToolDefinition:
    if not _NAME.fullmatch(data["name"]) or data["name"] != directory.name:
        raise ValueError(f"name {data['name']!r} must be the folder's")
    decode = data["decode"]
    return ToolDefinition(
        name=data["name"],
        digest=digest,
        question=data["question"],
        result=ResultKind(data["result"]),
        unit=data["unit"],
        capabilities=tuple(data["capabilities"]),
        optional_capabilities=dict(data.get("optional_capabilities", {})),
        cost=Cost(**data["cost"]),
        params=tuple(Param(name=name, **fields) for name, fields in data.get("params", {}).items()),
        attach=tuple(Attach(**fields) for fields in data["attach"]),
        decode=Decode(
            map=decode["map"],
            stacks_map=decode.get("stacks_map"),
            key=tuple(KeyField(**field) for field in decode.get("key", ())),
        ),
        directory=directory,
        program_text=program,
        readme=readme,
    )


@cache
def builtin_tools() -> Mapping[str, ToolDefinition]:
    """Every tool that this installation ships, by name."""
    folders = sorted(path.parent for path in TOOLS_DIRECTORY.glob(f"*/{MANIFEST}"))
    return {folder.name: load_tool(folder) for folder in folders}


def find_tool(name: str) -> ToolDefinition:
    """The tool of this name.

    Raises:
        UnknownTool: there is none; the message lists those that exist.
    """
    tools = builtin_tools()
    if name not in tools:
        raise UnknownTool(f"there is no tool {name!r}; there are: {', '.join(tools)}")
    return tools[name]
