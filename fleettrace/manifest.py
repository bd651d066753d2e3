"""``tool.toml``: parsed once, with every name in it checked against the others. docs/tools.md has its form."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleettrace.errors import BadInput, Malformed
from fleettrace.model.capability import check_capabilities
from fleettrace.model.tool import Attach, Cost, Decode, KeyField, Param, ResultKind
from fleettrace.snapshot.key import check_key
from fleettrace.toml_tables import Table, parse_toml

__all__ = ["KEY_TYPES", "Manifest", "parse_manifest"]

KEY_TYPES = ("comm", "syscall", "u32", "u64")
"""How the bytes of a key's field can read."""

MAX_PARAMS = 32
MAX_PROBES = 64
MAX_COST_NS = 1e9

# Names of parameters, programs and maps reach the compiler as they are.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
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
    params: tuple[Param, ...]
    attach: tuple[Attach, ...]
    decode: Decode


def parse_manifest(text: str, origin: Path) -> Manifest:
    """Parse the text of the manifest at ``origin``.

    Raises:
        BadInput: one sentence that names the file, the key and what it must be.
    """
    top = parse_toml(text, str(origin))
    data = tomllib.loads(text)
    name = _name(top, "name")
    if name != origin.parent.name:
        raise BadInput(f"{top.place('name')} must be the folder's, {origin.parent.name!r}, not {name!r}")
    result = _result(top)
    params = _params(top, data)
    manifest = Manifest(
        name=name,
        question=top.text("question"),
        result=result,
        unit=top.text("unit"),
        capabilities=check_capabilities(top.texts("capabilities"), top.place("capabilities")),
        optional_capabilities=_optional(top, data),
        cost=_cost(top.table("cost"), params),
        params=params,
        attach=_attach(top, params),
        decode=_decode(top.table("decode"), result),
    )
    top.finish()
    return manifest


def _name(table: Table, key: str) -> str:
    name = table.text(key)
    if not _NAME.fullmatch(name):
        raise BadInput(f"{table.place(key)} must be of a-z, 0-9 and _, from a letter on, not {name!r}")
    return name


def _result(top: Table) -> ResultKind:
    text = top.text("result")
    if text not in list(ResultKind):
        raise BadInput(f"{top.place('result')} must be one of {', '.join(ResultKind)}, not {text!r}")
    return ResultKind(text)


def _optional(top: Table, data: Mapping[str, Any]) -> dict[str, str]:
    table = top.table("optional_capabilities")
    names = tuple(data.get("optional_capabilities", ()))
    check_capabilities(names, top.place("optional_capabilities"))
    return {name: table.text(name) for name in names}


def _params(top: Table, data: Mapping[str, Any]) -> tuple[Param, ...]:
    table = top.table("params")
    names = tuple(data.get("params", ()))
    if len(names) > MAX_PARAMS:
        raise BadInput(f"{top.place('params')} has {len(names)} parameters; at most {MAX_PARAMS} are allowed")
    return tuple(_param(name, table.table(name)) for name in names)


def _param(name: str, table: Table) -> Param:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{table.place('default')}: a parameter's name is of a-z, 0-9 and _, not {name!r}")
    minimum, maximum = table.integer("minimum", **_INT64), table.integer("maximum", **_INT64)
    param = Param(
        name=name,
        default=table.integer("default", minimum=minimum, maximum=maximum),
        minimum=minimum,
        maximum=maximum,
        help=table.text("help"),
    )
    table.finish()
    return param


def _param_name(table: Table, key: str, params: tuple[Param, ...]) -> str | None:
    if not table.has(key):
        return None
    name = table.text(key)
    if name not in {param.name for param in params}:
        raise BadInput(f"{table.place(key)} must be a parameter of the tool, and {name!r} is none")
    return name


def _cost(table: Table, params: tuple[Param, ...]) -> Cost:
    cost = Cost(
        hit_ns=table.number("hit_ns", minimum=0, maximum=MAX_COST_NS),
        event_ns=table.number("event_ns", minimum=0, maximum=MAX_COST_NS),
        bounded_hits_per_cpu_param=_param_name(table, "bounded_hits_per_cpu_param", params),
    )
    table.finish()
    return cost


def _attach(top: Table, params: tuple[Param, ...]) -> tuple[Attach, ...]:
    attach: list[Attach] = []
    for table in top.tables("attach", name_key="program", maximum=MAX_PROBES):
        one = Attach(_name(table, "program"), table.text("probe"), _param_name(table, "frequency_param", params))
        table.finish()
        if any((one.program, one.probe) == (other.program, other.probe) for other in attach):
            raise BadInput(f"{top.place('attach')} has {one.program} on {one.probe} twice: it would count twice")
        attach.append(one)
    if not attach:
        raise BadInput(f"{top.place('attach')} is missing: add a table [[attach]] for each probe")
    return tuple(attach)


def _decode(table: Table, result: ResultKind) -> Decode:
    stacks_map = _name(table, "stacks_map") if table.has("stacks_map") else None
    if (stacks_map is not None) != (result is ResultKind.STACKS):
        raise BadInput(f"{table.place('stacks_map')} belongs to a tool whose result is stacks, and to no other")
    fields = tuple(_key_field(field) for field in table.tables("key", name_key="name", maximum=MAX_PARAMS))
    try:
        check_key(tuple((field.name, "") for field in fields))
    except Malformed as error:
        raise BadInput(f"{table.place('key')}: {error}") from error
    decode = Decode(map=_name(table, "map"), stacks_map=stacks_map, key=fields)
    table.finish()
    return decode


def _key_field(table: Table) -> KeyField:
    field = KeyField(name=table.text("name"), type=table.text("type"))
    if field.type not in KEY_TYPES:
        raise BadInput(f"{table.place('type')} must be one of {', '.join(KEY_TYPES)}, not {field.type!r}")
    table.finish()
    return field
