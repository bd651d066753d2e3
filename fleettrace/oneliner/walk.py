"""Going through a tree, and making another one of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from fleettrace.oneliner.tree import (
    Assign,
    Binary,
    Call,
    CallStatement,
    Cast,
    Expression,
    Field,
    If,
    Index,
    MapRef,
    Probe,
    Program,
    Statement,
    Step,
    Ternary,
    Unary,
    Unroll,
    Variable,
)

__all__ = ["direct", "expressions", "inside", "map_expressions", "parts", "program_expressions", "statements"]


def parts(expression: Expression) -> tuple[Expression, ...]:
    """What an expression is made of, directly."""
    match expression:
        case MapRef(_, keys):
            return keys
        case Call(_, arguments):
            return arguments
        case Field(base) | Cast(_, base) | Unary(_, base):
            return (base,)
        case Index(left, right) | Binary(_, left, right):
            return (left, right)
        case Ternary(condition, then, otherwise):
            return (condition, then, otherwise)
        case _:
            return ()


def inside(expression: Expression) -> Iterator[Expression]:
    """An expression and everything within it."""
    yield expression
    for part in parts(expression):
        yield from inside(part)


def statements(body: Iterable[Statement]) -> Iterator[Statement]:
    """Every statement of a body, those within blocks too."""
    for statement in body:
        yield statement
        match statement:
            case If(_, then, otherwise):
                yield from statements(then)
                yield from statements(otherwise)
            case Unroll(_, block):
                yield from statements(block)


def direct(statement: Statement) -> tuple[Expression, ...]:
    """The expressions that stand in a statement itself."""
    match statement:
        case Assign(target, _, value):
            return (target, value)
        case Step(target):
            return (target,)
        case CallStatement(call):
            return (call,)
        case If(condition):
            return (condition,)
        case Unroll():
            return ()


def expressions(probe: Probe) -> Iterator[Expression]:
    """Every expression of a probe, at any depth."""
    if probe.predicate is not None:
        yield from inside(probe.predicate)
    for statement in statements(probe.body):
        for expression in direct(statement):
            yield from inside(expression)


def program_expressions(program: Program) -> Iterator[Expression]:
    """Every expression of a program, at any depth."""
    for probe in program.probes:
        yield from expressions(probe)


def _target(expression: Expression) -> Variable | MapRef:
    assert isinstance(expression, Variable | MapRef)
    return expression


def map_expressions(  # noqa: C901  (a case for each node)
    program: Program, change: Callable[[Expression], Expression]
) -> Program:
    """The program with ``change`` applied to every expression, innermost first."""

    def of(expression: Expression) -> Expression:
        match expression:
            case MapRef(_, keys):
                return change(replace(expression, keys=tuple(map(of, keys))))
            case Call(_, arguments):
                return change(replace(expression, arguments=tuple(map(of, arguments))))
            case Field(base):
                return change(replace(expression, base=of(base)))
            case Cast(_, operand) | Unary(_, operand):
                return change(replace(expression, operand=of(operand)))
            case Index(base, at):
                return change(Index(of(base), of(at)))
            case Binary(operator, left, right):
                return change(Binary(operator, of(left), of(right)))
            case Ternary(condition, then, otherwise):
                return change(Ternary(of(condition), of(then), of(otherwise)))
            case _:
                return change(expression)

    def in_statement(statement: Statement) -> Statement:
        match statement:
            case Assign(target, operator, value):
                return Assign(_target(of(target)), operator, of(value))
            case Step(target, operator):
                return Step(_target(of(target)), operator)
            case CallStatement(call):
                changed = of(call)
                assert isinstance(changed, Call)
                return CallStatement(changed)
            case If(condition, then, otherwise):
                return If(of(condition), in_block(then), in_block(otherwise))
            case Unroll(times, block):
                return Unroll(times, in_block(block))

    def in_block(block: tuple[Statement, ...]) -> tuple[Statement, ...]:
        return tuple(map(in_statement, block))

    return Program(
        tuple(
            Probe(probe.attach, None if probe.predicate is None else of(probe.predicate), in_block(probe.body))
            for probe in program.probes
        )
    )
