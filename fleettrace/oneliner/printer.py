"""The canonical text of a tree: equal trees print alike, and parsing the text gives the tree again."""

from enum import StrEnum

from fleettrace.oneliner.tree import (
    Assign,
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

__all__ = ["FieldStyle", "expression_text", "program_text"]

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"})
_INDENT = "  "


class FieldStyle(StrEnum):
    """How the installed bpftrace wants fields of args written: ``args->x`` before 0.20, ``args.x`` since."""

    ARROW = "->"
    DOT = "."


def program_text(program: Program, fields: FieldStyle = FieldStyle.ARROW) -> str:
    """The whole program, a statement a line, with a newline at its end."""
    return "".join(_probe(probe, fields) for probe in program.probes)


def _probe(probe: Probe, fields: FieldStyle) -> str:
    attach = ", ".join(point.text for point in probe.attach)
    predicate = ""
    if probe.predicate is not None:
        condition = expression_text(probe.predicate, fields)
        # Bare, a predicate that reads a pointer would begin a comment.
        predicate = f" /({condition})/" if condition.startswith("*") else f" /{condition}/"
    return f"{attach}{predicate} {_block(probe.body, fields, '')}\n"


def _block(body: tuple[Statement, ...], fields: FieldStyle, indent: str) -> str:
    inner = indent + _INDENT
    lines = "".join(f"{inner}{_statement(statement, fields, inner)}\n" for statement in body)
    return "{\n" + lines + indent + "}"


def _statement(statement: Statement, fields: FieldStyle, indent: str) -> str:
    match statement:
        case Assign(target, operator, value):
            return f"{expression_text(target, fields)} {operator} {expression_text(value, fields)};"
        case Step(target, operator):
            return f"{expression_text(target, fields)}{operator};"
        case CallStatement(call):
            return f"{expression_text(call, fields)};"
        case Unroll(times, body):
            return f"unroll ({times}) {_block(body, fields, indent)}"
        case If(condition, then, otherwise):
            text = f"if ({expression_text(condition, fields)}) {_block(then, fields, indent)}"
            match otherwise:
                case ():
                    return text
                case (If() as other,):
                    return f"{text} else {_statement(other, fields, indent)}"
                case _:
                    return f"{text} else {_block(otherwise, fields, indent)}"


def expression_text(  # noqa: C901, PLR0912  (a case for each node)
    expression: Expression, fields: FieldStyle = FieldStyle.ARROW
) -> str:
    """One expression, with parentheses wherever operators meet, so that nobody needs to know who binds tighter."""

    def of(one: Expression) -> str:
        return expression_text(one, fields)

    def tight(one: Expression) -> str:
        return f"({of(one)})" if isinstance(one, Binary | Ternary | Unary | Cast) else of(one)

    match expression:
        case Integer(value):
            return str(value)
        case String(value):
            return f'"{value.translate(_ESCAPES)}"'
        case Builtin(name):
            return name
        case Variable(name):
            return f"${name}"
        case MapRef(name, ()):
            return f"@{name}"
        case MapRef(name, keys):
            return f"@{name}[{', '.join(map(of, keys))}]"
        case Call(name, arguments):
            return f"{name}({', '.join(map(of, arguments))})"
        case Field(Builtin("args"), name):
            return f"args{fields}{name}"
        case Field(base, name):
            return f"{tight(base)}->{name}"
        case Index(base, at):
            # Without the parentheses it would read as a key of the map.
            return f"({of(base)})[{of(at)}]" if isinstance(base, MapRef) else f"{tight(base)}[{of(at)}]"
        case Unary(operator, operand):
            return f"{operator}{tight(operand)}"
        case Binary(operator, left, right):
            return f"{tight(left)} {operator} {tight(right)}"
        case Ternary(condition, then, otherwise):
            return f"{tight(condition)} ? {tight(then)} : {tight(otherwise)}"
        case Cast(name, operand):
            return f"({name}){tight(operand)}"
