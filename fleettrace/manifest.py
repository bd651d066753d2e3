"""``tool.toml``: parsed once, with every name in it checked against the others. docs/tools.md has its form."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleettrace.errors import BadInput
from fleettrace.manifest_results import (
    is_name,
    parse_decode,
    parse_events,
    parse_name,
    parse_outputs,
    parse_result,
    parse_words,
)
from fleettrace.model.attach import PARAM_IN_PROBE, Alternative, Attach
from fleettrace.model.capability import check_capabilities
from fleettrace.model.output import Decode, EventLayout, Output, ResultKind
from fleettrace.model.params import (
    COMMON_NAMES,
    FILTERS,
    MAX_SYSCALL_CHARS,
    PROCESS_FILTERS,
    TEXT_LENGTHS,
    Param,
    ParamType,
)
from fleettrace.model.tool import Cost, Words
from fleettrace.toml_tables import Table, parse_toml

__all__ = ["Manifest", "parse_manifest"]

MAX_ALTERNATIVES = 8
MAX_PARAMS = 32
MAX_PROBES = 64
MAX_CHOICES = 32
MAX_COST_NS = 1e9
MAX_COSTS = 8

_INT64 = {"minimum": -(1 << 63), "maximum": (1 << 63) - 1}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says; see :class:`~fleettrace.model.tool.ToolDefinition` for its fields."""

    name: str
    question: str
    result: ResultKind
    unit: str
    capabilities: tuple[str, ...]
    optional_capabilities: Mapping[str, str]
    cost: Cost
    costs_when: tuple[tuple[tuple[str, ...], Cost], ...]
    params: tuple[Param, ...]
    alternatives: tuple[Alternative, ...]
    decode: Decode
    headers: tuple[str, ...]
    filters: tuple[str, ...]
    cannot_filter: Mapping[str, str]
    also: tuple[Output, ...]
    events: EventLayout | None
    words: Words


def parse_manifest(text: str, origin: Path) -> Manifest:
    """Parse the text of the manifest at ``origin``.

    Raises:
        BadInput: one sentence that names the file, the key and what it must be.
    """
    top = parse_toml(text, str(origin))
    data = tomllib.loads(text)
    name = parse_name(top, "name")
    if name != origin.parent.name:
        raise BadInput(f"{top.place('name')} must be the folder's, {origin.parent.name!r}, not {name!r}")
    result = parse_result(top)
    params = _params(top, data)
    manifest = Manifest(
        name=name,
        question=top.text("question"),
        result=result,
        unit=top.text("unit"),
        capabilities=check_capabilities(top.texts("capabilities"), top.place("capabilities")),
        optional_capabilities=_optional(top, data),
        cost=_cost(top.table("cost"), params),
        costs_when=_costs_when(top, params),
        params=params,
        alternatives=_alternatives(top, data, params),
        decode=parse_decode(top, result),
        headers=_headers(top),
        filters=_filters(top),
        cannot_filter=_cannot_filter(top, data),
        also=parse_outputs(top, result),
        events=parse_events(top, result),
        words=parse_words(top),
    )
    top.finish()
    known = {param.name for param in params}
    for place, names in (
        ("decode.sums_when", manifest.decode.sums_when),
        *(("also.when_params", output.when_params) for output in manifest.also),
    ):
        for name in names:
            if name not in known:
                raise BadInput(f"{top.place(place)} must be parameters of the tool, and {name!r} is none")
    return manifest


def _headers(top: Table) -> tuple[str, ...]:
    names = top.texts("headers") if top.has("headers") else ()
    for name in names:
        if not is_name(name):
            raise BadInput(f"{top.place('headers')} are names of files in tools/common, such as block, not {name!r}")
    return names


def _filters(top: Table) -> tuple[str, ...]:
    known = tuple(param.name for param in FILTERS)
    names = top.texts("filters") if top.has("filters") else tuple(param.name for param in PROCESS_FILTERS)
    for name in names:
        if name not in known:
            raise BadInput(f"{top.place('filters')} must be of {', '.join(known)}, not {name!r}")
    return names


def _cannot_filter(top: Table, data: Mapping[str, Any]) -> dict[str, str]:
    table = top.table("cannot_filter")
    reasons = {name: table.text(name) for name in data.get("cannot_filter", ())}
    possible = {param.name for param in FILTERS} - set(_filters(top))
    for name in reasons:
        if name not in possible:
            raise BadInput(f"{top.place('cannot_filter')} are filters that the tool does not have, and not {name!r}")
    return reasons


def _optional(top: Table, data: Mapping[str, Any]) -> dict[str, str]:
    return _reasons(top, "optional_capabilities", data)


def _reasons(top: Table, key: str, data: Mapping[str, Any]) -> dict[str, str]:
    """A table of capabilities, each with the reason for it."""
    table = top.table(key)
    names = tuple(data.get(key, ()))
    check_capabilities(names, top.place(key))
    return {name: table.text(name) for name in names}


def _params(top: Table, data: Mapping[str, Any]) -> tuple[Param, ...]:
    table = top.table("params")
    names = tuple(data.get("params", ()))
    if len(names) > MAX_PARAMS:
        raise BadInput(f"{top.place('params')} has {len(names)} parameters; at most {MAX_PARAMS} are allowed")
    return tuple(_param(name, table.table(name)) for name in names)


def _param(name: str, table: Table) -> Param:
    if not is_name(name):
        raise BadInput(f"{table.place('default')}: a parameter's name is of a-z, 0-9 and _, not {name!r}")
    if name in COMMON_NAMES:
        raise BadInput(f"{table.place('default')}: {name} is a name that tools share; choose another")
    param = _typed_param(name, table.text("type") if table.has("type") else ParamType.INTEGER, table)
    table.finish()
    return param


def _typed_param(name: str, kind: str, table: Table) -> Param:
    words = table.text("help")
    match kind:
        case ParamType.INTEGER:
            minimum, maximum = table.integer("minimum", **_INT64), table.integer("maximum", **_INT64)
            return Param(name, table.integer("default", minimum=minimum, maximum=maximum), minimum, maximum, words)
        case ParamType.BOOLEAN:
            return Param(name, int(table.boolean("default")), 0, 1, words, ParamType.BOOLEAN)
        case ParamType.CHOICE:
            choices, default = table.texts("choices"), table.text("default")
            if default not in choices or len(choices) > MAX_CHOICES:
                raise BadInput(f"{table.place('default')} must be one of its {MAX_CHOICES} choices at most")
            return Param(name, default, 1, max(map(len, choices)), words, ParamType.CHOICE, choices)
        case ParamType.SYSCALL:
            return Param(name, "", 1, MAX_SYSCALL_CHARS, words, ParamType.SYSCALL)
        case ParamType.PATH | ParamType.SYMBOL | ParamType.NAME:
            return Param(name, "", 1, TEXT_LENGTHS[kind], words, ParamType(kind))
        case _:
            known = (ParamType.INTEGER, ParamType.BOOLEAN, ParamType.CHOICE, ParamType.SYSCALL, *TEXT_LENGTHS)
            raise BadInput(f"{table.place('type')} must be one of {', '.join(known)}, not {kind!r}")


def _param_name(table: Table, key: str, params: tuple[Param, ...]) -> str | None:
    if not table.has(key):
        return None
    name = table.text(key)
    if name not in {param.name for param in params}:
        raise BadInput(f"{table.place(key)} must be a parameter of the tool, and {name!r} is none")
    return name


def _param_names(table: Table, key: str, params: tuple[Param, ...]) -> tuple[str, ...]:
    names = table.texts(key) if table.has(key) else ()
    for name in names:
        if name not in {param.name for param in params}:
            raise BadInput(f"{table.place(key)} must be parameters of the tool, and {name!r} is none")
    return names


def _check_names(table: Table, probe: str, params: tuple[Param, ...]) -> None:
    """What a probe has in braces are texts that a run gives."""
    given = {param.name for param in params if param.is_required}
    for name in PARAM_IN_PROBE.findall(probe):
        if name not in given:
            raise BadInput(f"{table.place('probe')} names {{{name}}}, which is no text parameter of the tool")


def _cost(table: Table, params: tuple[Param, ...]) -> Cost:
    cost = Cost(
        hit_ns=table.number("hit_ns", minimum=0, maximum=MAX_COST_NS),
        event_ns=table.number("event_ns", minimum=0, maximum=MAX_COST_NS),
        bounded_hits_per_cpu_param=_param_name(table, "bounded_hits_per_cpu_param", params),
    )
    table.finish()
    return cost


def _costs_when(top: Table, params: tuple[Param, ...]) -> tuple[tuple[tuple[str, ...], Cost], ...]:
    found = []
    for table in top.tables("cost_when", name_key="params", maximum=MAX_COSTS):
        table.texts("params")  # one at least
        found.append((_param_names(table, "params", params), _cost(table, params)))
    return tuple(found)


def _alternatives(top: Table, data: Mapping[str, Any], params: tuple[Param, ...]) -> tuple[Alternative, ...]:
    tables = top.tables("alternative", name_key="name", maximum=MAX_ALTERNATIVES)
    if tables and top.has("attach"):
        raise BadInput(f"{top.place('attach')} belongs into the tables [[alternative]]: move it there")
    if not tables:
        return (Alternative("", "", _attach(top, params)),)
    alternatives = []
    for table, raw in zip(tables, data["alternative"], strict=True):
        name = parse_name(table, "name")
        measure = table.text("measure") if table.has("measure") else ""
        alternatives.append(Alternative(name, measure, _attach(table, params), _reasons(table, "capabilities", raw)))
        table.finish()
    if len({alternative.name for alternative in alternatives}) < len(alternatives):
        raise BadInput(f"{top.place('alternative')} has one name twice: give each its own")
    if all(alternative.capabilities for alternative in alternatives):
        raise BadInput(
            f"{top.place('capabilities')} must be the least that the tool needs, and no alternative makes do with "
            "them: move there what all of them need"
        )
    return tuple(alternatives)


def _attach(top: Table, params: tuple[Param, ...]) -> tuple[Attach, ...]:
    attach: list[Attach] = []
    for table in top.tables("attach", name_key="program", maximum=MAX_PROBES):
        one = Attach(
            parse_name(table, "program"),
            table.text("probe"),
            _param_name(table, "frequency_param", params),
            _param_names(table, "when_params", params),
            _param_name(table, "argument_param", params),
        )
        _check_names(table, one.probe, params)
        table.finish()
        if any((one.program, one.probe) == (other.program, other.probe) for other in attach):
            raise BadInput(f"{top.place('attach')} has {one.program} on {one.probe} twice: it would count twice")
        attach.append(one)
    if not attach:
        raise BadInput(f"{top.place('attach')} is missing: add a table [[attach]] for each probe")
    return tuple(attach)
