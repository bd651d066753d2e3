"""Lines of a text from elsewhere, with their numbers for error messages."""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Line", "numbered"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end; ``number`` counts from 1."""

    number: int
    text: str


def numbered(data: bytes) -> Iterator[Line]:
    r"""Lines as they end in ``\n`` (or ``\r\n``), and in nothing else that a name may hold."""
    text = data.decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.split("\n"), 1):
        yield Line(number, line.removesuffix("\r"))
