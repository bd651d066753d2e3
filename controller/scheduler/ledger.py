"""Each host's budget over all jobs: who may begin, who waits at which place, and who gives way to an incident."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fleettrace.model.job import Priority
from fleettrace.model.names import counted

__all__ = ["Admission", "Claim", "Place", "Room", "plan_admission"]

_ROUNDING_PCT = 1e-9
"""Sums of percentages that should be equal may differ by this much."""


@dataclass(frozen=True, slots=True)
class Room:
    """What one host bears at a time: runs, and percent of one CPU summed over them.

    ``closed``: why nothing may begin there yet, whatever it bears; empty: it may.
    """

    max_runs: int
    max_cpu_pct: float
    closed: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a job takes, or asks for: by host, one run and so many percent of one CPU.

    ``leaving``: it was told to stop, and will be gone within a bounded time.
    """

    job_id: str
    priority: Priority
    asked_at_ms: int
    cpu_pct: Mapping[str, float]
    leaving: bool = False

    @property
    def order(self) -> tuple[int, int, str]:
        """Who comes first in the queue: by priority, then by age."""
        return (-self.priority.rank, self.asked_at_ms, self.job_id)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job stands in the queue, from 1, and what it waits for."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What is to be done now: jobs to begin, jobs to stop (with the job that needs their hosts), places of the rest."""

    admit: tuple[str, ...] = ()
    preempt: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)


def plan_admission(held: Sequence[Claim], waiting: Iterable[Claim], room_of: Callable[[str], Room]) -> Admission:
    """Let in what fits, in the order of priority and age.

    A job begins on all of its hosts or not at all, so that no two of them wait for each other. Nobody passes an earlier
    one that waits for the same host: whatever comes later, the first in the queue begins once those before it have
    ended, and each of them is bounded. For an incident that does not fit, the youngest routine jobs on its hosts give
    way, and only where that makes it fit.
    """
    taken = _Taken(held)
    admitted: list[str] = []
    preempted: dict[str, str] = {}
    places: dict[str, Place] = {}
    spoken_for: dict[str, str] = {}
    for claim in sorted(waiting, key=lambda one: one.order):
        passed = min((host for host in claim.cpu_pct if host in spoken_for), default=None)
        full = taken.full_for(claim, room_of)
        if passed is None and not full:
            admitted.append(claim.job_id)
            taken.add(claim)
            continue
        why = f"{passed}, where {spoken_for[passed]} is before it" if passed else taken.told(claim, full[0], room_of)
        places[claim.job_id] = Place(len(places) + 1, f"waits for {why}")
        if passed is None and claim.priority is Priority.INCIDENT:
            staying = [one for one in taken.claims if not one.leaving and one.job_id not in preempted]
            preempted.update(dict.fromkeys(_victims(claim, staying, room_of), claim.job_id))
        for host in claim.cpu_pct:
            spoken_for.setdefault(host, claim.job_id)
    return Admission(tuple(admitted), preempted, places)


class _Taken:
    """Claims, added up by host."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self.claims: list[Claim] = []
        self._runs: Counter[str] = Counter()
        self._cpu_pct: dict[str, float] = defaultdict(float)
        for claim in claims:
            self.add(claim)

    def add(self, claim: Claim) -> None:
        self.claims.append(claim)
        for host, cpu_pct in claim.cpu_pct.items():
            self._runs[host] += 1
            self._cpu_pct[host] += cpu_pct

    def full_for(self, claim: Claim, room_of: Callable[[str], Room]) -> list[str]:
        """The hosts that have no room for one more claim, by name."""
        full = []
        for host, cpu_pct in claim.cpu_pct.items():
            room = room_of(host)
            over = self._cpu_pct.get(host, 0.0) + cpu_pct > room.max_cpu_pct + _ROUNDING_PCT
            if room.closed or over or self._runs[host] >= room.max_runs:
                full.append(host)
        return sorted(full)

    def told(self, claim: Claim, host: str, room_of: Callable[[str], Room]) -> str:
        """What keeps a claim from a host that has no room for it."""
        room, runs = room_of(host), self._runs[host]
        if room.closed:
            return f"{host}: {room.closed}"
        names = ", ".join(sorted(one.job_id for one in self.claims if host in one.cpu_pct))
        if runs >= room.max_runs:
            return f"{host}, which has {counted(runs, 'run')} of at most {room.max_runs} ({names})"
        return (
            f"{host}, where {self._cpu_pct[host]:.3g}% of at most {room.max_cpu_pct:g}% of one CPU is taken ({names}) "
            f"and it may need {claim.cpu_pct[host]:.3g}%"
        )


def _victims(claim: Claim, staying: Sequence[Claim], room_of: Callable[[str], Room]) -> list[str]:
    """The routine jobs that must give way for a claim; none where that would not be enough."""
    left = list(staying)
    victims: list[str] = []
    for victim in sorted(staying, key=lambda one: one.order, reverse=True):
        full = _Taken(left).full_for(claim, room_of)
        if not full:
            return victims
        if victim.priority is not Priority.INCIDENT and any(host in victim.cpu_pct for host in full):
            left.remove(victim)
            victims.append(victim.job_id)
    return [] if _Taken(left).full_for(claim, room_of) else victims
