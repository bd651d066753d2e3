"""An upgrade goes over the hosts in waves, and no further when a host of a wave came to harm."""

from collections.abc import Sequence
from math import ceil

from controller.install.outcome import Fault, HostOutcome
from controller.install.runner import Ended, Work, for_each
from controller.install.target import Target

__all__ = ["FRACTIONS", "upgrade_in_waves", "wave_ends"]

FRACTIONS = (0.05, 0.25, 1.0)
"""How much of all hosts has been begun after each wave but the first, which is one host."""


def wave_ends(hosts: int) -> tuple[int, ...]:
    """Where each wave ends: one host, then 5%, 25% and all of them; no wave is empty."""
    ends = sorted({1, *(ceil(fraction * hosts) for fraction in FRACTIONS)}) if hosts else []
    return tuple(ends)


async def upgrade_in_waves(targets: Sequence[Target], jobs: int, work: Work, ended: Ended) -> list[HostOutcome]:
    """Upgrade them; every host's end. Those that were not begun say so.

    A host that could not be reached or is not installed was not harmed, and stops nobody.
    """
    outcomes: list[HostOutcome] = []
    for end in wave_ends(len(targets)):
        wave = await for_each(targets[len(outcomes) : end], jobs, work, ended)
        outcomes += wave
        harmed = [one.host for one in wave if one.fault in _HARM]
        if harmed:
            reason = f"not begun: {', '.join(harmed[:3])} came to harm in the wave before; mend that, and run it again"
            for one in targets[len(outcomes) :]:
                outcomes.append(HostOutcome(str(one.address), one.title, fault=Fault.LEFT_OUT, reason=reason))
                ended(outcomes[-1])
            break
    return outcomes


_HARM = frozenset({Fault.NOT_SEEN, Fault.COMMAND, Fault.DISK_FULL, Fault.TIME_OUT, Fault.CONNECTION_LOST})
"""Faults that a new version can be the cause of."""
