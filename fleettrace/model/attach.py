"""Where programs attach, and the ways in which one tool can: what a manifest says of its probes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleettrace.model.params import ParamValue

__all__ = ["PARAM_IN_PROBE", "Alternative", "Attach", "Way", "is_wanted"]

PARAM_IN_PROBE = re.compile(r"\{([a-z0-9_]+)\}")
"""A parameter in the text of a probe, such as ``uprobe:{binary}:{symbol}``."""


def is_wanted(when_params: Iterable[str], params: Mapping[str, ParamValue]) -> bool:
    """Whether one of these parameters is set, or there are none of them."""
    names = tuple(when_params)
    return not names or any(params[name] not in {0, ""} for name in names)


@dataclass(frozen=True, slots=True)
class Attach:
    """One program on one probe.

    ``frequency_param`` names the parameter that sets a sampling rate in Hz; ``when_params`` those of which one must be
    set for the probe to be attached at all; ``argument_param`` one that says which argument of a USDT probe is read.
    """

    program: str
    probe: str
    frequency_param: str | None = None
    when_params: tuple[str, ...] = ()
    argument_param: str | None = None

    def is_wanted(self, params: Mapping[str, ParamValue]) -> bool:
        """Whether a run with these parameters attaches it."""
        return is_wanted(self.when_params, params)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to run a tool: the probes that it takes. The first that a kernel accepts is used.

    Results of alternatives with the same ``measure`` say the same thing and can be added up. ``capabilities`` are
    those that it needs beyond the tool's, each with the reason.
    """

    name: str
    measure: str
    attach: tuple[Attach, ...]
    capabilities: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Way:
    """Alternatives, in their order, that need the same: what a process that tries them is given, and no more."""

    alternatives: tuple[str, ...]
    capabilities: tuple[str, ...]
