"""Classes of tools: what a tool shows of a host, told from its manifest; a grant need not list tools by name then."""

import posixpath
from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

from fleettrace.model.attach import is_wanted
from fleettrace.model.output import KeyField, ResultKind
from fleettrace.model.params import ParamValue
from fleettrace.model.tool import ToolDefinition
from fleettrace.oneliner import ProgramFacts

__all__ = ["ToolClass", "binaries_of", "classes_of", "is_listed"]

USER_PROBES = ("uprobe", "uretprobe", "usdt")


class ToolClass(StrEnum):
    """What a grant can name. One-liners are no class: they have keys of their own."""

    AGGREGATE = "aggregate"
    """Histograms and counts, by process, number and peer; every tool is at least this."""
    EVENTS = "events"
    """Single events are kept whole, with their time."""
    STACKS = "stacks"
    """Call chains, with names of functions."""
    STRINGS = "strings"
    """Texts of users: names of files and programs, arguments."""
    UPROBES = "uprobes"
    """Probes in programs and libraries; the grant lists which."""


def classes_of(tool: ToolDefinition, params: Mapping[str, ParamValue]) -> frozenset[ToolClass]:
    """All that a run with these parameters is; a parameter that is not known counts as set."""
    found = {ToolClass.AGGREGATE}
    if tool.events is not None or tool.result is ResultKind.EVENTS:
        found.add(ToolClass.EVENTS)
    outputs = [output for output in tool.outputs if _wanted(output.when_params, params)]
    if any(output.result is ResultKind.STACKS or output.decode.stacks_map for output in outputs):
        found.add(ToolClass.STACKS)
    fields: list[KeyField] = [field for output in outputs for field in output.decode.key]
    if tool.events is not None:
        fields += tool.events.fields
    if any(field.type in {"text", "args"} for field in fields):
        found.add(ToolClass.STRINGS)
    if any(probe.partition(":")[0].removesuffix("_multi") in USER_PROBES for probe in tool.probes):
        found.add(ToolClass.UPROBES)
    return frozenset(found)


def binaries_of(
    tool: ToolDefinition, params: Mapping[str, ParamValue], program: ProgramFacts | None
) -> tuple[str, ...]:
    """The programs and libraries that a run puts probes into, as they were asked for, sorted."""
    if program is not None:
        return tuple(sorted({point.target[0] for point in program.attach_points if point.kind.is_user_trap}))
    if ToolClass.UPROBES not in classes_of(tool, params):
        return ()
    return (str(params.get("binary", "")),)


def is_listed(binary: str, patterns: Iterable[str]) -> bool:
    """Whether one of the globs names a path; one with ``..`` or a glob of its own in it may lead anywhere."""
    if posixpath.normpath(binary) != binary or any(character in binary for character in "*?["):
        return False
    return any(fnmatchcase(binary, pattern) for pattern in patterns)


def _wanted(when_params: tuple[str, ...], params: Mapping[str, ParamValue]) -> bool:
    return not all(name in params for name in when_params) or is_wanted(when_params, params)
