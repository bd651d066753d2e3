"""Places in a program's text, and what can be said of the text before it is parsed."""

import re

from fleettrace.errors import BadProgram
from fleettrace.oneliner.limits import MAX_PROGRAM_BYTES
from fleettrace.oneliner.vocabulary import REFUSED_WORDS

__all__ = ["bad_program", "blank_comments", "check_text", "place"]

_COMMENT_OR_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\A#![^\n]*|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_NO_UTF8 = re.compile(r"[\ud800-\udfff]")
"""What a byte of a command line becomes that is no UTF-8 (PEP 383); no program can hold it."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_REFUSED_WORDS = tuple((re.compile(pattern), reason) for pattern, reason in REFUSED_WORDS)


def bad_program(where: str, message: str) -> BadProgram:
    """What is wrong with a program, after the place where it is."""
    return BadProgram(f"{where}: {message}")


def place(text: str, position: int) -> str:
    """Where a character stands, for people."""
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}"


def check_text(text: str) -> None:
    """Raise :class:`BadProgram` for a text that is too large or holds characters that no program needs."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_PROGRAM_BYTES:
        raise bad_program("the program", f"it has {size} bytes and at most {MAX_PROGRAM_BYTES} are taken: shorten it")
    if not text.strip():
        raise bad_program("the program", "it is empty: write PROBE { ACTION }, such as tracepoint:... { @ = count(); }")
    if found := _NO_UTF8.search(text):
        raise bad_program(place(text, found.start()), "there is a byte that is no UTF-8: write the program in UTF-8")
    if found := _CONTROL.search(text):
        raise bad_program(place(text, found.start()), f"there is a control character {found[0]!r}: remove it")


def blank_comments(text: str) -> str:
    """The text with spaces in place of its comments, so that every place stays what it is.

    Raises:
        BadProgram: a comment has no end, or a word that is refused wherever it stands is there.
    """
    blanked = _COMMENT_OR_STRING.sub(lambda found: found[0] if found[0][0] == '"' else _spaces(found[0]), text)
    outside = _STRING.sub(lambda found: '"' + " " * (len(found[0]) - 2) + '"', blanked)
    # A glob's "/*" belongs to a path; a comment starts after a space or an end of something.
    if found := re.search(r"(?<![\w/:*?.-])/\*", outside):
        raise bad_program(place(text, found.start()), "this comment has no end: close it with */")
    for pattern, reason in _REFUSED_WORDS:
        if found := pattern.search(outside):
            raise bad_program(place(text, found.start()), reason)
    return blanked


def _spaces(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
