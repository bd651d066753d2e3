"""The heaviest stacks, with their share; each as a path from the process to where it was."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from controller.analysis.wording import share_text
from controller.report.text.numbers import count_text
from fleettrace.model.names import counted
from fleettrace.snapshot import KERNEL_SUFFIX, Stack, heaviest, total_of

__all__ = ["MAX_STACKS", "render_stacks"]

MAX_STACKS = 10
MAX_FRAMES = 24
"""Of a longer stack the outermost and the innermost frames are shown, and how many are not."""
_OUTER_FRAMES = 6


def render_stacks(stacks: Sequence[Stack], whose: str) -> RenderableType:
    """The heaviest stacks first: share, value, process and leaf; beneath, the path in between."""
    total = total_of(stacks)
    unit = stacks[0].unit
    shown = heaviest(stacks, MAX_STACKS)
    parts: list[RenderableType] = [
        Text(f"{whose}: {counted(len(stacks), 'stack')}, {count_text(total)} {unit}; the heaviest, root first", "bold")
    ]
    width = len(count_text(shown[0].value))
    for stack in shown:
        head = Text(f"  {share_text(stack.value, total):>6}  ", overflow="fold")
        head.append(f"{count_text(stack.value):>{width}}  ", "dim")
        head.append(stack.frames[0], "bold")
        if len(stack.frames) > 1:
            head.append(" in ", "dim").append(stack.frames[-1], _style(stack.frames[-1]))
        parts.append(head)
        if len(stack.frames) > 2:
            parts.append(Padding(_path(stack.frames[1:-1]), (0, 0, 0, width + 12)))
    hidden = len(stacks) - len(shown)
    if hidden > 0:
        rest = total - sum(stack.value for stack in shown)
        parts.append(
            Text(f"  {share_text(rest, total):>6}  in +{counted(hidden, 'more stack')} (--json has all of them)", "dim")
        )
    return Group(*parts)


def _path(frames: tuple[str, ...]) -> Text:
    shown: list[Text] = [Text(frame, _style(frame)) for frame in frames]
    if len(frames) > MAX_FRAMES:
        inner = MAX_FRAMES - _OUTER_FRAMES
        shown[_OUTER_FRAMES:-inner] = [Text(f"(+{len(frames) - MAX_FRAMES} frames)", "dim italic")]
    return Text(" > ", "dim", overflow="fold").join(shown)


def _style(frame: str) -> str:
    return "yellow" if frame.endswith(KERNEL_SUFFIX) else ""
