"""Programs from text: the grammar, applied, and the tree built under its limits."""

from functools import cache
from importlib import resources

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from fleettrace.errors import BadProgram
from fleettrace.oneliner.build import Builder
from fleettrace.oneliner.source import bad_program, blank_comments, check_text, place
from fleettrace.oneliner.tree import Program
from fleettrace.oneliner.validate import check_program

__all__ = ["read_program"]

_SHOWN_CHARS = 24
_MAX_NAMED_WORDS = 3


def read_program(text: str) -> Program:
    """See :func:`fleettrace.oneliner.parse.parse`."""
    check_text(text)
    blanked = blank_comments(text)
    builder = Builder(blanked)
    try:
        program = _parser().parse(blanked)
        tree = builder.transform(program)
    except VisitError as error:
        if isinstance(error.orig_exc, BadProgram):
            raise error.orig_exc from None
        raise
    except UnexpectedInput as error:
        raise _unexpected(blanked, error) from None
    check_program(tree)
    return tree


@cache
def _parser() -> Lark:
    grammar = resources.files("fleettrace.oneliner").joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _unexpected(text: str, error: UnexpectedInput) -> BadProgram:
    """One sentence for what the grammar does not know, by what stands there."""
    position: int | None = getattr(error, "pos_in_stream", None)
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    if at_end or position is None or position >= len(text):
        return bad_program(place(text, len(text.rstrip())), f"the program ends too early: {_wanted(error)}")
    shown = text[position:].partition("\n")[0][:_SHOWN_CHARS].rstrip()
    return bad_program(place(text, position), f"{shown!r} is not understood here: {_wanted(error)}")


def _wanted(error: UnexpectedInput) -> str:
    allowed = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "expected", None)
    names = sorted({_WORDS[name] for name in allowed or () if name in _WORDS})
    if not 1 <= len(names) <= _MAX_NAMED_WORDS:
        return "close what is open, or see docs/one-liners.md for what is accepted"
    return f"write {' or '.join(names)}"


_WORDS = {
    "ATTACH": "a probe such as tracepoint:syscalls:sys_enter_openat",
    "LBRACE": "{",
    "RBRACE": "}",
    "RPAR": ")",
    "RSQB": "]",
    "LPAR": "(",
    "ENDPRED": "/ and {",
    "_SEMICOLONS": ";",
    "ASSIGN": "=",
    "NAME": "a value",
    "COLON": ":",
}
