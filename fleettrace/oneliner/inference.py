"""Types, units and labels of expressions, as far as the text alone tells them."""

import re
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fleettrace.oneliner.tree import (
    Assign,
    Binary,
    Builtin,
    Call,
    Cast,
    Expression,
    Field,
    If,
    Index,
    Integer,
    MapRef,
    Probe,
    Statement,
    String,
    Ternary,
    Unary,
    Unroll,
    Variable,
)
from fleettrace.oneliner.vocabulary import INTEGER_TYPES
from fleettrace.oneliner.walk import statements

__all__ = ["NO_UNIT", "KeyType", "Types", "label_of", "typed_statements"]

NO_UNIT = "value"
"""The unit of a number of which nothing is known."""

_COARSER = {
    ("ns", 1_000): "us",
    ("ns", 1_000_000): "ms",
    ("ns", 1_000_000_000): "s",
    ("us", 1_000): "ms",
    ("us", 1_000_000): "s",
    ("ms", 1_000): "s",
    ("bytes", 1_024): "KiB",
    ("bytes", 1 << 20): "MiB",
}
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,50}")


class KeyType(StrEnum):
    """How bpftrace prints a part of a key."""

    INTEGER = "integer"
    TEXT = "text"
    """Anything that may hold any character; also what the text of the program does not tell."""
    KERNEL_STACK = "kernel_stack"
    USER_STACK = "user_stack"

    @property
    def is_stack(self) -> bool:
        """Whether it is a list of frames."""
        return self in {KeyType.KERNEL_STACK, KeyType.USER_STACK}


@dataclass(frozen=True, slots=True)
class Types:
    """What can be told of expressions at one place of a program. ``variables``: type and unit of those that are known
    there."""

    variables: Mapping[str, tuple[KeyType, str]] = field(default_factory=dict)

    def of(self, expression: Expression) -> KeyType:
        """How a key of this expression is printed."""
        match expression:
            case Builtin("kstack") | Call("kstack"):
                return KeyType.KERNEL_STACK
            case Builtin("ustack") | Call("ustack"):
                return KeyType.USER_STACK
            case Builtin(name):
                return KeyType.TEXT if name in {"comm", "func", "probe"} else KeyType.INTEGER
            case Integer() | Binary() | Unary("-" | "!" | "~"):
                return KeyType.INTEGER
            case Cast(name) if name in INTEGER_TYPES:
                return KeyType.INTEGER
            case Call("strncmp"):
                return KeyType.INTEGER
            case Ternary(_, then, otherwise):
                kind = self.of(then)
                return kind if self.of(otherwise) is kind else KeyType.TEXT
            case Variable(name) if name in self.variables:
                return self.variables[name][0]
            case _:
                return KeyType.TEXT

    def unit(self, expression: Expression) -> str:
        """The unit of a number: of times and sizes where the expression shows it, else :data:`NO_UNIT`."""
        match expression:
            case Builtin("nsecs" | "elapsed"):
                return "ns"
            case Field(_, name) if "bytes" in name:
                return "bytes"
            case Binary("/", left, Integer(by)):
                unit = self.unit(left)
                return unit if unit == NO_UNIT else _COARSER.get((unit, by), f"{unit}/{by}")
            case Binary("*", left, Integer(512)) | Binary("*", Integer(512), left) if "sector" in (
                label_of(left) or ""
            ):
                return "bytes"
            case Binary("+" | "-", left, right):
                unit = self.unit(left)
                return unit if unit != NO_UNIT else self.unit(right)
            case Cast(_, operand):
                return self.unit(operand)
            case Variable(name) if name in self.variables:
                return self.variables[name][1]
            case _:
                return NO_UNIT

    def assigned(self, name: str, value: Expression) -> "Types":
        """What can be told once a variable has a value."""
        return Types({**self.variables, name: (self.of(value), self.unit(value))})

    def without(self, names: Iterable[str]) -> "Types":
        """The same with some variables not known."""
        return Types({name: known for name, known in self.variables.items() if name not in names})

    def agreed(self, other: "Types") -> "Types":
        """What holds whichever of two ways was taken."""
        return Types(dict(self.variables.items() & other.variables.items()))


def typed_statements(probe: Probe) -> Generator[tuple[Statement, Types], None, Types]:
    """Every statement of a probe, those within blocks too, with what is known of variables just before it."""
    return _typed(probe.body, Types())


def _typed(body: Iterable[Statement], types: Types) -> Generator[tuple[Statement, Types], None, Types]:
    for statement in body:
        yield statement, types
        match statement:
            case Assign(Variable(name), operator, value):
                whole = value if operator == "=" else Binary(operator.removesuffix("="), Variable(name), value)
                types = types.assigned(name, whole)
            case If(_, then, otherwise):
                after_then = yield from _typed(then, types)
                after_otherwise = yield from _typed(otherwise, types)
                types = after_then.agreed(after_otherwise)
            case Unroll(_, block):
                # What a round leaves behind, the next one finds.
                left_behind = {
                    inner.target.name
                    for inner in statements(block)
                    if isinstance(inner, Assign) and isinstance(inner.target, Variable)
                }
                types = yield from _typed(block, types.without(left_behind))
    return types


def label_of(expression: Expression) -> str | None:
    """A name for a part of a key, if the expression suggests one."""
    match expression:
        case Builtin(name) | Variable(name) | Field(_, name) | Call("kstack" | "ustack" as name):
            label = name.lower()
            return label if _LABEL.fullmatch(label) else None
        case MapRef(name):
            label = name.lower()
            return label if _LABEL.fullmatch(label) else None
        case Call(_, (first, *_)):
            return label_of(first)
        case Cast(_, base) | Unary(_, base) | Index(base, _):
            return label_of(base)
        case String():
            return None
        case _:
            return None
