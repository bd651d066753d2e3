"""Text from elsewhere on a terminal: names of processes and reasons of hosts must not move its cursor."""

import re
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

__all__ = ["Safe", "clean"]

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """``text`` with a question mark for each control character but the line feed."""
    return _CONTROL.sub("?", text)


@dataclass(frozen=True, slots=True)
class Safe:
    """A renderable, cleaned after it was laid out and before styles become escape sequences."""

    content: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.content, options):
            yield segment if segment.control else Segment(clean(segment.text), segment.style)
