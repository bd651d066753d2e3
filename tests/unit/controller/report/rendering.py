"""What a terminal of a fixed width would show, without colours."""

from io import StringIO

from rich.console import Console, RenderableType

from controller.report.text import Safe


def rendered(content: RenderableType, width: int = 80, *, encoding: str = "utf-8") -> str:
    """The text, with no spaces at the ends of lines."""

    class Stream(StringIO):
        @property
        def encoding(self) -> str:  # type: ignore[override]
            return encoding

    stream = Stream()
    console = Console(file=stream, width=width, color_system=None, force_terminal=False, _environ={})
    console.print(Safe(content))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def squeezed(text: str) -> str:
    """Without any white space, so that a folded word is found again."""
    return "".join(text.split())
