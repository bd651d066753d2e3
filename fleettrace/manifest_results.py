"""What a manifest says of a tool's results: which maps hold them, and how their bytes read."""

import re

from fleettrace.errors import BadInput, Malformed
from fleettrace.model.output import Decode, EventLayout, KeyField, Output, ResultKind
from fleettrace.model.tool import Words
from fleettrace.snapshot.key import check_key
from fleettrace.toml_tables import Table

__all__ = [
    "FIELD_TYPES",
    "TEXT_TYPES",
    "is_name",
    "parse_decode",
    "parse_events",
    "parse_name",
    "parse_outputs",
    "parse_result",
    "parse_words",
]

FIELD_TYPES = {
    "comm": 16,
    "syscall": 4,
    "u32": 4,
    "u64": 8,
    "s32": 4,
    "errno": 4,
    "signal": 4,
    "device": 4,
    "address": 16,
    "port": 4,
    "skip": 4,
}
"""How the bytes of a field can read, and how many they are. An errno is a return value: 0 or more is a success."""

TEXT_TYPES = ("text", "args")
"""As many bytes as the field's ``size``: up to the first zero, or words that end in zeros."""

MAX_TEXT_BYTES = 4096
MAX_OUTPUTS = 4
MAX_VALUES = 256
MAX_FIELDS = 32
MAX_DIVISOR = 10**9

# Names of parameters, programs and maps reach the compiler as they are.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def is_name(name: str) -> bool:
    """Whether a text can reach the compiler as it is."""
    return _NAME.fullmatch(name) is not None


def parse_name(table: Table, key: str) -> str:
    """A name that reaches the compiler as it is: of a parameter, a program, a map."""
    name = table.text(key)
    if not is_name(name):
        raise BadInput(f"{table.place(key)} must be of a-z, 0-9 and _, from a letter on, not {name!r}")
    return name


def parse_result(top: Table) -> ResultKind:
    """The kind of result that ``result`` names."""
    text = top.text("result")
    if text not in list(ResultKind):
        raise BadInput(f"{top.place('result')} must be one of {', '.join(ResultKind)}, not {text!r}")
    return ResultKind(text)


def parse_decode(top: Table, result: ResultKind) -> Decode:
    """The table ``[decode]``; a tool whose result is events has none."""
    if result is ResultKind.EVENTS:
        return Decode(map="")
    table = top.table("decode")
    decode = _unfinished_decode(table, result)
    table.finish()
    return decode


def _unfinished_decode(table: Table, result: ResultKind) -> Decode:
    stacks_map = parse_name(table, "stacks_map") if table.has("stacks_map") else None
    if (stacks_map is not None) != (result is ResultKind.STACKS):
        raise BadInput(f"{table.place('stacks_map')} belongs to a tool whose result is stacks, and to no other")
    fields = _fields(table, "key")
    sums = table.texts("sums") if table.has("sums") else ()
    if sums and result not in {ResultKind.COUNTS, ResultKind.STACKS}:
        raise BadInput(f"{table.place('sums')} belongs to counts and stacks, and to no other result")
    if len(set(sums)) < len(sums) or (result is ResultKind.STACKS and len(sums) > 1):
        raise BadInput(f"{table.place('sums')} must name each unit once, and stacks have one sum at most")
    divisors = table.integers("sum_divisors", minimum=1, maximum=MAX_DIVISOR) if table.has("sum_divisors") else ()
    if divisors and len(divisors) != len(sums):
        raise BadInput(f"{table.place('sum_divisors')} must be as many as sums")
    return Decode(
        map=parse_name(table, "map"),
        stacks_map=stacks_map,
        key=fields,
        sums=sums,
        sum_divisors=divisors,
        sums_when=table.texts("sums_when") if table.has("sums_when") else (),
    )


def parse_outputs(top: Table, own: ResultKind) -> tuple[Output, ...]:
    """The tables ``[[also]]``: further results of the same events."""
    outputs = tuple(_output(table) for table in top.tables("also", name_key="result", maximum=MAX_OUTPUTS))
    stacks = sum(output.result is ResultKind.STACKS for output in outputs)
    if stacks + (own is ResultKind.STACKS) > 1:
        raise BadInput(f"{top.place('also')} has stacks besides others: a tool has one map of them at most")
    return outputs


def _output(table: Table) -> Output:
    result = parse_result(table)
    if result is ResultKind.EVENTS:
        raise BadInput(f"{table.place('result')} cannot be events: they are kept by the table [events]")
    when_params = table.texts("when_params") if table.has("when_params") else ()
    output = Output(result, table.text("unit"), _unfinished_decode(table, result), when_params)
    table.finish()
    return output


def parse_events(top: Table, result: ResultKind) -> EventLayout | None:
    """The table ``[events]``: what is kept whole."""
    if not top.has("events"):
        if result is ResultKind.EVENTS:
            raise BadInput(f"{top.place('events')} is missing: a tool whose result is events needs a table [events]")
        return None
    table = top.table("events")
    layout = EventLayout(map=parse_name(table, "map"), fields=_fields(table, "field"))
    table.finish()
    return layout


def parse_words(top: Table) -> Words:
    """The table ``[words]``: how a sentence speaks of the tool's histogram."""
    if not top.has("words"):
        return Words()
    table = top.table("words")
    words = Words(table.text("differs"), table.text("value"))
    if words.differs.count("{}") != 1 or set("{}") & set(words.differs.replace("{}", "")):
        raise BadInput(f"{table.place('differs')} must hold {{}} once, where it is said how a host differs")
    table.finish()
    return words


def _fields(table: Table, key: str) -> tuple[KeyField, ...]:
    fields = tuple(_field(field) for field in table.tables(key, name_key="name", maximum=MAX_FIELDS))
    try:
        check_key(tuple((field.name, "") for field in fields))
    except Malformed as error:
        raise BadInput(f"{table.place(key)}: {error}") from error
    return fields


def _field(table: Table) -> KeyField:
    kind = table.text("type")
    if kind not in (*FIELD_TYPES, *TEXT_TYPES):
        raise BadInput(f"{table.place('type')} must be one of {', '.join((*FIELD_TYPES, *TEXT_TYPES))}, not {kind!r}")
    size = table.integer("size", minimum=1, maximum=MAX_TEXT_BYTES) if kind in TEXT_TYPES else 0
    values = table.texts("values") if table.has("values") else ()
    if values and (kind != "u32" or len(values) > MAX_VALUES):
        raise BadInput(f"{table.place('values')} are the words for a u32 from 0 up, at most {MAX_VALUES}")
    field = KeyField(table.text("name"), kind, size, values)
    table.finish()
    return field
