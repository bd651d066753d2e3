"""What is compiled: a program's text with the common header before it, and the names of its parameters."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fleettrace.catalog import header_paths
from fleettrace.model.tool import ToolDefinition

__all__ = [
    "ADDRESS_HIGH",
    "ADDRESS_LOW",
    "ADDRESS_MASK_HIGH",
    "ADDRESS_MASK_LOW",
    "CGROUP",
    "CGROUP_LEVEL",
    "COMM_HIGH",
    "COMM_LOW",
    "COUNT_ONLY",
    "FINE",
    "FIRST_TOOL_PARAM",
    "LOCAL_PORT",
    "PEER_PORT",
    "PID",
    "PORT",
    "SCOPE_CGROUP",
    "SCOPE_LEVEL",
    "STARTED_NS",
    "ProgramSource",
    "tool_source",
]

# As in fleettrace/tools/common/fleettrace.bpf.h.
COUNT_ONLY = 1
SCOPE_LEVEL = 2
SCOPE_CGROUP = 3
PID = 4
COMM_LOW = 5
COMM_HIGH = 6
CGROUP_LEVEL = 7
CGROUP = 8
FINE = 9
PORT = 10
LOCAL_PORT = 11
PEER_PORT = 12
ADDRESS_LOW = 13
ADDRESS_HIGH = 14
ADDRESS_MASK_LOW = 15
ADDRESS_MASK_HIGH = 16
STARTED_NS = 17
FIRST_TOOL_PARAM = 32


@cache
def _header(path: Path) -> str:
    return path.read_text()


@dataclass(frozen=True, slots=True)
class ProgramSource:
    """One translation unit. ``params`` are the tool's own, in the order of its manifest.

    A program need not read its ``unread_params``, since they choose its probes.
    """

    name: str
    text: str
    params: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    unread_params: frozenset[str] = frozenset()

    @property
    def full_text(self) -> str:
        """The common header and the program. BCC rewrites map accesses in the main text only, so it is one text."""
        return f'{"".join(map(_header, header_paths(self.headers)))}\n#line 1 "{self.name}.bpf.c"\n{self.text}'

    @property
    def param_ids(self) -> dict[str, int]:
        """The id that each parameter has in ``PARAM(PARAM_<NAME>)``."""
        return {name: FIRST_TOOL_PARAM + index for index, name in enumerate(self.params)}

    @property
    def flags(self) -> dict[str, int]:
        """The macros that give the program its parameters' ids."""
        return {f"PARAM_{name.upper()}": param_id for name, param_id in self.param_ids.items()}


def tool_source(tool: ToolDefinition) -> ProgramSource:
    """A tool's program. What chooses its probes (a sampling rate, a path, an argument's number) goes to them alone."""
    to_probes = {name for attach in tool.attach for name in (attach.frequency_param, attach.argument_param)}
    own = tuple(param.name for param in tool.params if not (param.is_required or param.name in to_probes))
    choosing = frozenset(name for attach in tool.attach for name in attach.when_params)
    return ProgramSource(tool.name, tool.program_text, own, tool.headers, choosing)
