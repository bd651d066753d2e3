"""Programs from text; what reads them is loaded with the first of them."""

from fleettrace.oneliner.tree import Program

__all__ = ["parse"]


def parse(text: str) -> Program:
    """The tree of a one-liner.

    Raises:
        BadProgram: outside the accepted language or its limits; one sentence with the place and the way out.
    """
    # Every tracing child imports this package, and few are given a program: the parser is a fifth of a child's start.
    from fleettrace.oneliner.grammar import read_program  # noqa: PLC0415

    return read_program(text)
