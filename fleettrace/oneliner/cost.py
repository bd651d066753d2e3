"""What programs cost, told from their text: CPU time that one probe hit and one event add.

Measured with ``python -m tests.bench.one_liner_cost``; docs/one-liners.md has what it showed.
"""

from fleettrace.oneliner.tree import Builtin, Call, Probe, Program
from fleettrace.oneliner.walk import expressions, statements

__all__ = ["HIT_NS", "TRAP_NS", "event_ns"]

HIT_NS = 150.0
"""A hit before its predicate: the probe itself, and the counter of hits."""
TRAP_NS = 15_000.0
"""A hit of a uprobe, uretprobe or USDT probe: the trap out of user mode, which BPF run times do not show."""

_STATEMENT_NS = 150.0
_STACK_NS = 2_000.0
_TEXT_NS = 300.0
_PRINT_NS = 20_000.0  # most of it in bpftrace, which makes JSON of it


def event_ns(program: Program) -> float:
    """What one event adds to its hit, in the costliest probe that watches something: an interval's rate is its own."""
    watching = [probe for probe in program.probes if any(not point.kind.is_own for point in probe.attach)]
    return max(_STATEMENT_NS + _body_ns(probe) for probe in watching)


def _body_ns(probe: Probe) -> float:
    names = [one.name for one in expressions(probe) if isinstance(one, Builtin | Call)]
    return (
        _STATEMENT_NS * sum(1 for _ in statements(probe.body))
        + _STACK_NS * sum(name in {"kstack", "ustack"} for name in names)
        + _TEXT_NS * sum(name in {"str", "buf"} for name in names)
        + _PRINT_NS * sum(name in {"printf", "print", "time"} for name in names)
    )
