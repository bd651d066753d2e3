"""The typed tree, built from what the grammar recognised; what is checked here needs a place to point to."""
# ruff: noqa: D102  (each method is the rule of the grammar that it is named for)

import re
from typing import Any, TypeVar

from lark import Token
from lark.tree import Meta
from lark.visitors import Transformer_NonRecursive, v_args

from fleettrace.errors import BadProgram
from fleettrace.oneliner.attach import parse_attach_point
from fleettrace.oneliner.calls import check_call, cut_name
from fleettrace.oneliner.limits import MAX_DEPTH, MAX_STRING_BYTES, MAX_UNROLL
from fleettrace.oneliner.source import bad_program, place
from fleettrace.oneliner.tree import (
    Assign,
    AttachPoint,
    Binary,
    Builtin,
    Call,
    CallStatement,
    Cast,
    Expression,
    Field,
    If,
    Index,
    Integer,
    MapRef,
    Probe,
    Program,
    Statement,
    Step,
    String,
    Ternary,
    Unary,
    Unroll,
    Variable,
)
from fleettrace.oneliner.vocabulary import AGGREGATIONS, BUILTINS, FUNCTIONS

__all__ = ["Builder"]

Node = TypeVar("Node")

_MAX_INTEGER = (1 << 64) - 1
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@v_args(meta=True)
class Builder(Transformer_NonRecursive[Token, Program]):
    """One method for each rule of the grammar; children come as built nodes or tokens.

    Raises:
        BadProgram: (wrapped by lark) what was recognised is refused or beyond a limit.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._depths: dict[int, int] = {}

    def start(self, meta: Meta, probes: list[Probe]) -> Program:
        return Program(tuple(probes))

    def probe(self, meta: Meta, children: list[Any]) -> Probe:
        *head, body = children
        attach = tuple(child for child in head if isinstance(child, AttachPoint))
        predicate = head[-1] if not isinstance(head[-1], AttachPoint) else None
        return Probe(attach, predicate, body)

    def attach(self, meta: Meta, children: list[Token]) -> AttachPoint:
        try:
            return parse_attach_point(str(children[0]))
        except ValueError as error:
            raise self._bad(meta, str(error)) from None

    def predicate(self, meta: Meta, children: list[Any]) -> Expression:
        return self._value(meta, children[0])

    def block(self, meta: Meta, statements: list[Statement]) -> tuple[Statement, ...]:
        depth = max((self._depths.get(id(statement), 0) for statement in statements), default=0)
        return self._deep(meta, tuple(statements), depth)

    def assign(self, meta: Meta, children: list[Any]) -> Assign:
        target, operator, value = children
        if isinstance(value, Call) and value.name in AGGREGATIONS:
            if not isinstance(target, MapRef) or operator != "=":
                raise self._bad(meta, f"{value.name}() adds up in a map: write @name = {value.name}(...)")
        else:
            self._value(meta, value)
        return self._node(meta, Assign(target, str(operator), value), target, value)

    def step(self, meta: Meta, children: list[Any]) -> Step:
        return self._node(meta, Step(children[0], str(children[1])), children[0])

    def call_statement(self, meta: Meta, children: list[Call]) -> CallStatement:
        (call,) = children
        if FUNCTIONS[call.name].has_value:
            raise self._bad(meta, f"{call.name}() only has a value: put it into a map, such as @ = {call.name}(...)")
        return self._node(meta, CallStatement(call), call)

    def conditional(self, meta: Meta, children: list[Any]) -> If:
        condition, then, *rest = children
        otherwise = () if not rest else (rest[0],) if isinstance(rest[0], If) else rest[0]
        return self._node(meta, If(self._value(meta, condition), then, otherwise), *children)

    def unroll(self, meta: Meta, children: list[Any]) -> Unroll:
        times = self._integer(meta, children[0])
        if not 1 <= times <= MAX_UNROLL:
            raise self._bad(meta, f"unroll({times}) is outside 1 to {MAX_UNROLL}: repeat less")
        return self._node(meta, Unroll(times, children[1]), children[1])

    def map(self, meta: Meta, children: list[Any]) -> MapRef:
        name, *keys = children
        return self._node(meta, MapRef(str(name)[1:], tuple(self._value(meta, key) for key in keys)), *keys)

    def variable(self, meta: Meta, children: list[Token]) -> Variable:
        return Variable(str(children[0])[1:])

    def ternary(self, meta: Meta, children: list[Any]) -> Ternary:
        condition, then, otherwise = (self._value(meta, child) for child in children)
        return self._node(meta, Ternary(condition, then, otherwise), *children)

    def binary(self, meta: Meta, children: list[Any]) -> Binary:
        left, operator, right = children
        return self._binary(meta, str(operator), [left, right])

    def times(self, meta: Meta, children: list[Any]) -> Binary:
        return self._binary(meta, "*", children)

    def divided(self, meta: Meta, children: list[Any]) -> Binary:
        return self._binary(meta, "/", children)

    def modulo(self, meta: Meta, children: list[Any]) -> Binary:
        return self._binary(meta, "%", children)

    def unary(self, meta: Meta, children: list[Any]) -> Unary:
        operator, operand = children
        if operator == "+":
            raise self._bad(meta, "a + before a value means nothing: leave it out")
        return self._node(meta, Unary(str(operator), self._value(meta, operand)), operand)

    def dereference(self, meta: Meta, children: list[Any]) -> Unary:
        return self._node(meta, Unary("*", self._value(meta, children[0])), *children)

    def cast(self, meta: Meta, children: list[Any]) -> Cast:
        name = re.sub(r"\s*\*$", " *", " ".join(str(children[0]).split()))
        return self._node(meta, Cast(name, self._value(meta, children[1])), children[1])

    def field(self, meta: Meta, children: list[Any]) -> Field:
        return self._node(meta, Field(self._value(meta, children[0]), str(children[1])), children[0])

    def index(self, meta: Meta, children: list[Any]) -> Index:
        base, at = (self._value(meta, child) for child in children)
        return self._node(meta, Index(base, at), *children)

    def integer(self, meta: Meta, children: list[Token]) -> Integer:
        return Integer(self._integer(meta, children[0]))

    def string(self, meta: Meta, children: list[Token]) -> String:
        if unknown := [found[1] for found in _ESCAPE.finditer(children[0]) if found[1] not in _ESCAPES]:
            raise self._bad(meta, rf"the escape \{unknown[0]} is not known; there are: \n \t \r \" \\")
        value = _ESCAPE.sub(lambda found: _ESCAPES[found[1]], str(children[0])[1:-1])
        if len(value.encode("utf-8", "surrogatepass")) > MAX_STRING_BYTES:
            raise self._bad(meta, f"a string has at most {MAX_STRING_BYTES} bytes: shorten it")
        return String(value)

    def builtin(self, meta: Meta, children: list[Token]) -> Builtin:
        name = str(children[0])
        if name not in BUILTINS:
            raise self._bad(meta, f"{name!r} is not known; there are: {', '.join(sorted(BUILTINS))}")
        return Builtin(name)

    def call(self, meta: Meta, children: list[Any]) -> Call:
        name, *arguments = children
        if problem := check_call(str(name), arguments):
            raise self._bad(meta, problem)
        call = Call(str(name), tuple(self._value(meta, argument) for argument in arguments))
        return self._node(meta, call, *arguments)

    def _binary(self, meta: Meta, operator: str, children: list[Any]) -> Binary:
        left, right = (self._value(meta, child) for child in children)
        if operator in {"==", "!="} and (cut := cut_name(left, right) or cut_name(right, left)):
            raise self._bad(meta, f'a process\' name is never equal to this: the kernel cuts names off, write "{cut}"')
        return self._node(meta, Binary(operator, left, right), *children)

    def _integer(self, meta: Meta, token: Token) -> int:
        digits, _, exponent = str(token).partition("e") if token[:2] not in {"0x", "0X"} else (str(token), "", "")
        if len(digits) > 20 or len(exponent) > 2:
            raise self._bad(meta, f"{str(token)[:24]} does not fit into 64 bits")
        value: int = int(digits, 0 if digits[:2] in {"0x", "0X"} else 10) * 10 ** int(exponent or 0)
        if value > _MAX_INTEGER:
            raise self._bad(meta, f"{token} does not fit into 64 bits")
        return value

    def _value(self, meta: Meta, expression: Expression) -> Expression:
        if isinstance(expression, Call):
            if expression.name in AGGREGATIONS:
                raise self._bad(
                    meta, f"{expression.name}() has no value of its own: write @name = {expression.name}(...)"
                )
            if not FUNCTIONS[expression.name].has_value:
                raise self._bad(meta, f"{expression.name}() has no value: make it a statement of its own")
        return expression

    def _node(self, meta: Meta, node: Node, *children: object) -> Node:
        return self._deep(meta, node, max((self._depths.get(id(child), 0) for child in children), default=0))

    def _deep(self, meta: Meta, node: Node, children_depth: int) -> Node:
        # Checked while the tree grows, so that nothing that walks it can run out of stack.
        if children_depth >= MAX_DEPTH:
            raise self._bad(meta, f"this nests deeper than {MAX_DEPTH} levels: split it up")
        self._depths[id(node)] = children_depth + 1
        return node

    def _bad(self, meta: Meta, message: str) -> BadProgram:
        return bad_program(place(self._text, meta.start_pos), message)
