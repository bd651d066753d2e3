"""Calls and comparisons: whether they may be made, with what."""

import difflib
import re
from collections.abc import Sequence

from fleettrace.model.params import comm_of
from fleettrace.oneliner.limits import MAX_STRING_BYTES
from fleettrace.oneliner.tree import Builtin, Expression, Field, Integer, MapRef, String
from fleettrace.oneliner.vocabulary import FUNCTIONS, REFUSED_FUNCTIONS

__all__ = ["check_call", "cut_name"]

MAX_LINEAR_BUCKETS = 1_000
MAX_STACK_FRAMES = 127

_CONVERSION = re.compile(r"%(%|-?0?[0-9]{0,3}(?:h|hh|l|ll)?[a-zA-Z])")


def check_call(name: str, arguments: Sequence[Expression]) -> str:
    """What is wrong with a call, with the way out; empty: nothing."""
    if name in REFUSED_FUNCTIONS:
        return f"{name}() is refused: it {REFUSED_FUNCTIONS[name]}"
    if name not in FUNCTIONS:
        close = difflib.get_close_matches(name, FUNCTIONS, n=1)
        return f"there is no function {name}(); " + (
            f"write {close[0]}()" if close else f"there are: {', '.join(sorted(FUNCTIONS))}"
        )
    function = FUNCTIONS[name]
    if not function.minimum <= len(arguments) <= function.maximum:
        wanted = (
            f"{function.minimum}"
            if function.minimum == function.maximum
            else f"{function.minimum} to {function.maximum}"
        )
        return f"{name}() takes {wanted} arguments, not {len(arguments)}"
    return _check_arguments(name, arguments)


def _check_arguments(name: str, arguments: Sequence[Expression]) -> str:  # noqa: C901, PLR0912  (a table)
    match name, *arguments:
        case "clear" | "zero", argument if not (isinstance(argument, MapRef) and not argument.keys):
            return f"{name}() takes a whole map: write {name}(@name)"
        case "delete", argument if not isinstance(argument, MapRef):
            return "delete() takes one entry of a map: write delete(@name[key])"
        case "print", argument, *rest if rest and not (isinstance(argument, MapRef) and not argument.keys):
            return "print() takes the number of entries and a divisor for a whole map alone"
        case "print", _, *rest if not all(isinstance(one, Integer) for one in rest):
            return "print()'s number of entries and divisor are whole numbers"
        case "printf" | "time", first, *_ if not isinstance(first, String):
            return f"{name}()'s format is a string, written out"
        case "printf", String(format_text), *rest:
            return _check_format(format_text, len(rest))
        case "str" | "buf", _, Integer(size) if size > MAX_STRING_BYTES:
            return f"{name}() reads at most {MAX_STRING_BYTES} bytes: ask for less"
        case "str", _, size if not isinstance(size, Integer):
            return "str()'s size is a whole number, so that it is bounded"
        case "buf", _, size if not isinstance(size, Integer):
            return "buf()'s size is a whole number, so that it is bounded"
        case "kstack" | "ustack", depth if not (isinstance(depth, Integer) and 1 <= depth.value <= MAX_STACK_FRAMES):
            return f"{name}() takes a number of frames, 1 to {MAX_STACK_FRAMES}"
        case "strncmp", _, _, size if not (isinstance(size, Integer) and 1 <= size.value <= MAX_STRING_BYTES):
            return f"strncmp() compares 1 to {MAX_STRING_BYTES} bytes"
        case "lhist", *_:
            return _check_linear(arguments[1:])
        case _:
            return ""


def cut_name(compared: Expression, text: Expression) -> str:
    """What the kernel cuts a text to that is compared with a process' name; empty: it is none, or kept whole."""
    match compared, text:
        case ((Builtin("comm") | Field(Builtin("args"), "comm" | "prev_comm" | "next_comm")), String(name)):
            cut = comm_of(name)
            return "" if cut == name else cut
        case _:
            return ""


def _check_linear(bounds: Sequence[Expression]) -> str:
    values = [bound.value for bound in bounds if isinstance(bound, Integer)]
    if len(values) != 3 or not (values[0] < values[1] and values[2] > 0):
        return "lhist() takes a value, and a lowest and a highest bound and a step as whole numbers above each other"
    if (values[1] - values[0]) / values[2] > MAX_LINEAR_BUCKETS:
        return f"lhist() has at most {MAX_LINEAR_BUCKETS} buckets: widen the step"
    return ""


def _check_format(format_text: str, given: int) -> str:
    wanted = sum(found[1] != "%" for found in _CONVERSION.finditer(format_text))
    if wanted != given:
        return f"printf()'s format has {wanted} conversions and there are {given} values: make them match"
    return ""
