"""Hosts' names where there is little room: what tells them apart is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ShortNames", "short_names"]


@dataclass(frozen=True, slots=True)
class ShortNames:
    """``names`` in the order of those that were given; ``domain`` (``.prod.example.com``) was taken off of each."""

    names: tuple[str, ...]
    domain: str = ""


def short_names(names: Sequence[str], most: int, gap: str = "~") -> ShortNames:
    """Names of at most so many characters; those of a fleet that all fit stay as they are.

    A fleet's names begin alike and end in one domain: the domain goes first, and then what is in the middle, for which
    ``gap`` stands.
    """
    if all(len(name) <= most for name in names):
        return ShortNames(tuple(names))
    domain = _common_domain(names)
    return ShortNames(tuple(_cut(name.removesuffix(domain), most, gap) for name in names), domain)


def _common_domain(names: Sequence[str]) -> str:
    """What all names have in common from a dot on, which is no whole name; of one name nothing."""
    if len(names) < 2:
        return ""
    common: list[str] = []
    for labels in zip(*(name.split(".")[:0:-1] for name in names), strict=False):
        if len(set(labels)) > 1:
            break
        common.append(labels[0])
    return "".join(f".{label}" for label in reversed(common))


def _cut(name: str, most: int, gap: str) -> str:
    if len(name) <= most:
        return name
    last = max((most - len(gap)) * 2 // 3, 0)
    first = max(most - len(gap) - last, 0)
    return name[:first] + gap + name[len(name) - last :]
