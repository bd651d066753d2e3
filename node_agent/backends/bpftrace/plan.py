"""What a one-liner's run is given, and the bounds of every run."""

from dataclasses import dataclass

from fleettrace.model.run import OneLinerBounds, RunKind
from fleettrace.oneliner import Program
from node_agent.kernel.cgroups import Scope

__all__ = [
    "END_LIMIT_S",
    "EXIT_MARGIN_MS",
    "MAX_EVENTS",
    "MAX_LINE_BYTES",
    "MIN_KEYS",
    "START_LIMIT_S",
    "TICK_MS",
    "OneLinerPlan",
]

START_LIMIT_S = 25.0
"""From the start of bpftrace to its first sign that all probes are live; compiling takes most of it."""

DETACH_S_PER_PROBE = 0.1
"""What the kernel takes to detach a tracepoint: 75 ms, measured, and more on a busy machine."""

END_LIMIT_S = 10.0
"""From the last detached probe to killing bpftrace; printing many stacks takes a while."""

TICK_MS = 100
"""How often the counters come."""

EXIT_MARGIN_MS = 500
"""How long after its duration the program ends of itself, when nobody ended it."""

MAX_EVENTS = 1_000
"""Lines kept of what a program prints; the others count as lost."""

MAX_LINE_BYTES = 16 << 20
"""The longest line read; a longer one is dropped, and says so."""

MIN_KEYS = 1_024
"""Entries of one map that a run always gets, unless its bounds allow fewer."""


@dataclass(frozen=True, slots=True)
class OneLinerPlan:
    """One run of a one-liner.

    ``scope`` None stands for the whole machine; ``max_map_bytes`` bounds the kernel memory of all maps together;
    after ``duration_ms`` (and a margin) the program ends of itself, whatever becomes of its tracer.
    """

    program: Program
    kind: RunKind
    scope: Scope | None
    duration_ms: int
    max_map_bytes: int
    bounds: OneLinerBounds
