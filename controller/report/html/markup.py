"""HTML and SVG from typed calls: what is not markup is escaped, so that no name can become an element."""

import re
from collections.abc import Iterable
from html import escape

from controller.report.ranges import RANGE

__all__ = ["Markup", "joined", "picture", "sentence", "tag", "visible"]

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_VOID = frozenset({"br", "hr", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def visible(text: str) -> str:
    """``text`` with a visible escape for what would be invisible, would reorder the line, or is no Unicode."""
    return _UNSEEN.sub(lambda match: _code(ord(match[0])), text)


def _code(point: int) -> str:
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}"


def tag(name: str, /, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """One element; ``class_`` is ``class`` and ``_`` in a name ``-``; None leaves an attribute out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(_text(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(*children)}</{name}>")


def picture(children: Iterable[Markup], width_px: float, height_px: float, label: str) -> Markup:
    """An SVG picture of some size, with what it shows for those who cannot see it."""
    size = (f"{width_px:g}", f"{height_px:g}")
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {' '.join(size)}",
        width=size[0],
        height=size[1],
        role="img",
        aria_label=label,
    )


def sentence(text: str) -> Markup:
    """Words of an answer, whose ranges of numbers stay on one line: ``[16, 31] us``, ``4.1-32.8 ms``."""
    parts = RANGE.split(text)
    return joined(*(tag("span", part, class_="range") if place % 2 else part for place, part in enumerate(parts)))


def joined(*children: str | Markup) -> Markup:
    """Children one after the other, escaped unless they are markup."""
    return Markup("".join(child if isinstance(child, Markup) else escape(visible(child)) for child in children))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
