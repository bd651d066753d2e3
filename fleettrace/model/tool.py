"""Tools as an operator sees them; :mod:`fleettrace.catalog` has how they are built."""

from dataclasses import dataclass

from fleettrace.catalog import Param, ResultKind

__all__ = ["ToolListing"]


@dataclass(frozen=True, slots=True)
class ToolListing:
    """What the controller tells of a tool that it offers."""

    name: str
    digest: str
    question: str
    result: ResultKind
    params: tuple[Param, ...]
    capabilities: tuple[str, ...]
    probes: tuple[str, ...]
    readme: str
