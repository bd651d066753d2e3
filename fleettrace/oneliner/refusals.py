"""The default judgement of a program by its facts; a site's policy sets the limits."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fleettrace.oneliner.facts import ProgramFacts
from fleettrace.oneliner.limits import MAX_PROBES
from fleettrace.oneliner.tree import AttachPoint

__all__ = ["OneLinerLimits", "matched_probes", "refusals"]


@dataclass(frozen=True, slots=True)
class OneLinerLimits:
    """What a policy lets one-liners do.

    ``max_probes``: probes in all, after wildcards; ``may_read_strings``: str() and buf(), which show what users type
    and store; ``may_read_memory``: following pointers; ``max_printed_per_s``: events that print, on one host.
    """

    max_probes: int = MAX_PROBES
    may_read_strings: bool = False
    may_read_memory: bool = False
    max_printed_per_s: float = 100.0
    max_timer_hz: float = 1_000.0


def matched_probes(point: AttachPoint, probe_names: Collection[str]) -> int:
    """How many of a host's probes (``kind:target``, as ``bpftrace -l`` prints them) an attach point stands for."""
    return sum(fnmatchcase(name, point.text) for name in probe_names) if point.is_glob else 1


def refusals(
    facts: ProgramFacts,
    limits: OneLinerLimits,
    *,
    probe_names: Collection[str] | None = None,
    events_per_s: float | None = None,
) -> tuple[str, ...]:
    """Why a program may not run, each with the way out; empty: it may.

    Args:
        facts: of the program.
        limits: of the policy.
        probe_names: the probes of a host, to count what wildcards match; None: not known yet, so that only the
            attach points as written are counted.
        events_per_s: as the frequency check measured on a host; None: not known yet.
    """
    found = [
        *_probes(facts, limits, probe_names),
        *_reads(facts, limits),
        *_rates(facts, limits, events_per_s),
    ]
    return tuple(found)


def _probes(facts: ProgramFacts, limits: OneLinerLimits, probe_names: Collection[str] | None) -> list[str]:
    counts = {
        point.text: 1 if probe_names is None else matched_probes(point, probe_names)
        for point in facts.attach_points
        if not point.kind.is_own
    }
    total = sum(counts.values())
    if total <= limits.max_probes:
        return []
    widest = max(counts, key=lambda text: counts[text])
    return [
        f"{widest} matches {counts[widest]} probes, which makes {total}, and {limits.max_probes} are allowed: "
        "name the ones that you need"
    ]


def _reads(facts: ProgramFacts, limits: OneLinerLimits) -> list[str]:
    found = []
    if facts.strings_read and not limits.may_read_strings:
        found.append(
            f"reading text ({', '.join(facts.strings_read)}) can show what users type and store, and needs a grant "
            "with one_liner_strings = true: count by comm or pid instead, or ask for the grant"
        )
    if facts.memory_read and not limits.may_read_memory:
        found.append(
            f"following pointers ({', '.join(facts.memory_read)}) can read any memory, and needs a grant with "
            "one_liner_memory = true: use fields of args instead, or ask for the grant"
        )
    return found


def _rates(facts: ProgramFacts, limits: OneLinerLimits, events_per_s: float | None) -> list[str]:
    found = []
    if facts.timer_hz > limits.max_timer_hz:
        found.append(
            f"a timer of {facts.timer_hz:,.0f} Hz is above the {limits.max_timer_hz:,.0f} Hz allowed: use "
            "profile:hz:99, or a longer interval"
        )
    if facts.printing_probes and events_per_s is not None and events_per_s > limits.max_printed_per_s:
        found.append(
            f"{', '.join(facts.printing_probes)} prints for each of {events_per_s:,.0f} events/s, and "
            f"{limits.max_printed_per_s:,.0f} are allowed: count into a map instead, or narrow the predicate"
        )
    return found
