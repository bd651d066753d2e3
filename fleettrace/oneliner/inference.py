"""Types, units and labels of expressions, as far as the text alone tells them."""

import re
from enum import StrEnum

from fleettrace.oneliner.tree import (
    Assign,
    Binary,
    Builtin,
    Call,
    Cast,
    Expression,
    Field,
    Index,
    Integer,
    MapRef,
    Program,
    String,
    Ternary,
    Unary,
    Variable,
)
from fleettrace.oneliner.vocabulary import INTEGER_TYPES
from fleettrace.oneliner.walk import statements

__all__ = ["NO_UNIT", "KeyType", "Types", "label_of"]

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
_MAX_RESOLVED = 8
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


class Types:
    """What can be told of a program's expressions; variables are followed to what they were assigned first."""

    def __init__(self, program: Program) -> None:
        self._variables: dict[str, Expression] = {}
        for probe in program.probes:
            for statement in statements(probe.body):
                match statement:
                    case Assign(Variable(name), "=", value):
                        self._variables.setdefault(name, value)

    def of(self, expression: Expression, steps: int = _MAX_RESOLVED) -> KeyType:
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
                kind = self.of(then, steps)
                return kind if self.of(otherwise, steps) is kind else KeyType.TEXT
            case Variable(name) if steps and name in self._variables:
                return self.of(self._variables[name], steps - 1)
            case _:
                return KeyType.TEXT

    def unit(self, expression: Expression, steps: int = _MAX_RESOLVED) -> str:
        """The unit of a number: of times and sizes where the expression shows it, else :data:`NO_UNIT`."""
        match expression:
            case Builtin("nsecs" | "elapsed"):
                return "ns"
            case Field(_, name) if "bytes" in name:
                return "bytes"
            case Binary("/", left, Integer(by)):
                unit = self.unit(left, steps)
                return unit if unit == NO_UNIT else _COARSER.get((unit, by), f"{unit}/{by}")
            case Binary("*", left, Integer(512)) | Binary("*", Integer(512), left) if "sector" in (
                label_of(left) or ""
            ):
                return "bytes"
            case Binary("+" | "-", left, right):
                unit = self.unit(left, steps)
                return unit if unit != NO_UNIT else self.unit(right, steps)
            case Cast(_, operand):
                return self.unit(operand, steps)
            case Variable(name) if steps and name in self._variables:
                return self.unit(self._variables[name], steps - 1)
            case _:
                return NO_UNIT


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
