"""What a policy says of a program, by its facts alone; what a host and its frequency check add is judged there."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleettrace.oneliner.facts import ProgramFacts
from fleettrace.oneliner.limits import MAX_PROBES, MAX_STRING_BYTES

__all__ = ["OneLinerLimits", "Refusal", "refusals", "too_many_probes", "too_much_printed"]


@dataclass(frozen=True, slots=True)
class OneLinerLimits:
    """What a policy lets one-liners do.

    ``max_probes``: probes in all, after wildcards; ``may_read_strings``: str() and buf(), which show what users type
    and store; ``may_read_memory``: following pointers; ``max_printed_per_s``: events that print, on one host;
    ``max_timer_hz``: of profile and interval; ``max_string_bytes``: of what str() and buf() read.
    """

    max_probes: int = MAX_PROBES
    may_read_strings: bool = False
    may_read_memory: bool = False
    max_printed_per_s: float = 100.0
    max_timer_hz: float = 1_000.0
    max_string_bytes: int = MAX_STRING_BYTES


@dataclass(frozen=True, slots=True)
class Refusal:
    """``key``: the policy's key that refuses; ``reason``: why, with the way out."""

    key: str
    reason: str


def refusals(facts: ProgramFacts, limits: OneLinerLimits) -> tuple[Refusal, ...]:
    """Why a program may not run, each with the way out; empty: it may.

    Wildcards are counted as one probe each: what they match, each host counts (:func:`too_many_probes`).
    """
    found = []
    points = {point.text: 1 for point in facts.attach_points if not point.kind.is_own}
    if reason := too_many_probes(points, limits.max_probes):
        found.append(Refusal("one_liner_max_probes", reason))
    if facts.timer_hz > limits.max_timer_hz:
        reason = (
            f"a timer of {facts.timer_hz:,.0f} Hz is above the {limits.max_timer_hz:,.0f} Hz allowed: use "
            "profile:hz:99, or a longer interval"
        )
        found.append(Refusal("one_liner_max_timer_hz", reason))
    if facts.string_bytes > limits.max_string_bytes:
        reason = (
            f"str() or buf() of {facts.string_bytes} bytes is above the {limits.max_string_bytes} bytes allowed: ask "
            "for less"
        )
        found.append(Refusal("one_liner_max_string_bytes", reason))
    if reason := too_much_printed("an interval", facts.printing_timer_hz, limits.max_printed_per_s):
        found.append(Refusal("one_liner_max_printed_per_s", reason))
    return (*found, *_reads(facts, limits))


def too_many_probes(matches: Mapping[str, int], max_probes: int) -> str:
    """Why attach points, with the number of probes that each one is on a host, are too many; empty: they are not."""
    total = sum(matches.values())
    if total <= max_probes:
        return ""
    widest = max(matches, key=lambda text: matches[text])
    return (
        f"{widest} matches {matches[widest]:,} probes, which makes {total:,}, and {max_probes:,} are allowed: name the "
        "ones that you need"
    )


def too_much_printed(what: str, events_per_s: float, max_printed_per_s: float) -> str:
    """Why events that print are too many; empty: they are not."""
    if events_per_s <= max_printed_per_s:
        return ""
    return (
        f"{what} prints for each of {events_per_s:,.0f} events/s, and {max_printed_per_s:,.0f} are allowed: count into "
        "a map instead, or narrow the predicate"
    )


def _reads(facts: ProgramFacts, limits: OneLinerLimits) -> list[Refusal]:
    found = []
    if facts.strings_read and not limits.may_read_strings:
        reason = (
            f"reading text ({', '.join(facts.strings_read)}) can show what users type and store, and needs a grant "
            "with one_liner_strings = true: count by comm or pid instead, or ask for the grant"
        )
        found.append(Refusal("one_liner_strings", reason))
    if facts.memory_read and not limits.may_read_memory:
        reason = (
            f"following pointers ({', '.join(facts.memory_read)}) can read any memory, and needs a grant with "
            "one_liner_memory = true: use fields of args instead, or ask for the grant"
        )
        found.append(Refusal("one_liner_memory", reason))
    return found
