"""Where a fleet's hosts differ in the probes that they have."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fleettrace.model.inspection import AskedHost, ProbeArgument, ProbeList

__all__ = ["ArgumentDifference", "Differences", "PresenceDifference", "Spoken", "differences"]

Spoken = tuple[AskedHost, ProbeList]
"""A host with those that it speaks for, and what it answered."""


@dataclass(frozen=True, slots=True)
class PresenceDifference:
    """Probes, by name, that some have and others do not."""

    probes: tuple[str, ...]
    present: tuple[AskedHost, ...]
    absent: tuple[AskedHost, ...]


@dataclass(frozen=True, slots=True)
class ArgumentDifference:
    """A probe whose arguments are not the same everywhere: each form with who has it."""

    probe: str
    forms: tuple[tuple[tuple[ProbeArgument, ...], tuple[AskedHost, ...]], ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """``cut`` names who has more probes than were listed: with them nothing is compared."""

    presence: tuple[PresenceDifference, ...] = ()
    arguments: tuple[ArgumentDifference, ...] = ()
    cut: tuple[AskedHost, ...] = ()


def differences(answers: Sequence[Spoken]) -> Differences:
    """Compare what was answered; lists that were cut short would look like missing probes, and are left out."""
    cut = tuple(asked for asked, found in answers if found.matched > len(found.probes))
    whole = [(asked, found) for asked, found in answers if found.matched == len(found.probes)]
    return Differences(_presence(whole), _arguments(whole), cut)


def _presence(answers: Sequence[Spoken]) -> tuple[PresenceDifference, ...]:
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for index, (_, found) in enumerate(answers):
        for probe in found.probes:
            holders[probe.name].add(index)
    alike: defaultdict[tuple[frozenset[int], frozenset[int]], list[str]] = defaultdict(list)
    for name, own in holders.items():
        kind = name.partition(":")[0]
        # Who could not look at a kind of probes does not lack them.
        lacking = {index for index, (_, found) in enumerate(answers) if kind not in found.unlisted} - own
        if lacking:
            alike[frozenset(own), frozenset(lacking)].append(name)
    found_differences = [
        PresenceDifference(
            probes=tuple(sorted(names)),
            present=tuple(asked for index, (asked, _) in enumerate(answers) if index in own),
            absent=tuple(asked for index, (asked, _) in enumerate(answers) if index in lacking),
        )
        for (own, lacking), names in alike.items()
    ]
    return tuple(sorted(found_differences, key=lambda one: (one.probes[0], len(one.present))))


def _arguments(answers: Sequence[Spoken]) -> tuple[ArgumentDifference, ...]:
    forms: defaultdict[str, dict[tuple[ProbeArgument, ...], list[AskedHost]]] = defaultdict(dict)
    for asked, found in answers:
        for probe in found.probes:
            # No arguments are no statement: tracefs may have been hidden, or a symbol has no types.
            if probe.arguments:
                forms[probe.name].setdefault(probe.arguments, []).append(asked)
    return tuple(
        ArgumentDifference(name, tuple((form, tuple(hosts)) for form, hosts in forms[name].items()))
        for name in sorted(forms)
        if len(forms[name]) > 1
    )
