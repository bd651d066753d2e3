"""A site's policy: its hard ceilings, how careful canaries and waves are, and who was granted what."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from controller.policy.cases import Case
from controller.policy.classes import ToolClass
from fleettrace.model.host import Host
from fleettrace.model.redaction import NOTHING, Rule
from fleettrace.model.run import OneLinerBounds
from fleettrace.model.selector import Selector
from fleettrace.model.tool import ONE_LINER

__all__ = ["AbortPolicy", "CanaryPolicy", "Grant", "Policy", "SiteLimits", "WaitPolicy", "WavePolicy"]


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """Ceilings that no grant exceeds. ``max_cpu_pct`` is in percent of one CPU, summed over a host's CPUs.

    ``max_host_cpu_pct`` is the same for all jobs on a host together, ``max_busiest_cpu_pct`` that of one run for
    the CPU that it takes most of. ``max_child_...``: of the process that traces.

    One-liners have further ones: ``one_liner`` is what a run is given, timers and texts are judged by the program.
    """

    max_duration_ms: int
    max_cpu_pct: float
    max_host_cpu_pct: float
    max_events_per_s: int
    max_map_bytes: int
    max_busiest_cpu_pct: float
    max_child_cpu_pct: float
    max_child_rss_bytes: int
    max_hosts: int
    one_liner: OneLinerBounds
    one_liner_max_timer_hz: float
    one_liner_max_string_bytes: int


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """How long the frequency check counts, the fewest events that can be judged, and how long the program is tried.

    ``max_lost_pct``: of a trial's events; ``max_map_fill_pct``: of a map, as predicted for the whole duration. Hosts
    that differ in one of ``class_labels`` are of different classes.
    """

    check_ms: int
    min_events: int
    trial_ms: int
    max_lost_pct: float
    max_map_fill_pct: float
    class_labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WavePolicy:
    """Waves after the canaries: ascending fractions of the hosts, the last one 1.0.

    ``lead_ms``: from the orders of a wave to the moment at which all of its hosts attach.

    ``spread_label``: hosts that share its value fail together, and a wave takes an even share of each.
    """

    fractions: tuple[float, ...]
    settle_ms: int
    lead_ms: int
    spread_label: str


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How long a host may take from the order to its first attached probe, and from the end of a run to its part.

    ``queue_ms``: how long a job waits for room on its hosts.
    """

    start_ms: int
    end_ms: int
    queue_ms: int


@dataclass(frozen=True, slots=True)
class AbortPolicy:
    """A program that was aborted ``max_aborts`` times within ``window_ms`` is denied until the window has passed."""

    max_aborts: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What these teams (globs) may do on these hosts, within limits; None: the site's limit.

    They may run ``tools`` (globs of names), and every tool whose classes are all among ``classes``. ``one_liners``:
    programs of their own, too, whatever the tools; ``one_liner_strings`` and ``one_liner_memory`` let those read text,
    and follow pointers. ``binaries``: globs of what may be probed in user space; empty: anything.
    ``tool_capabilities``: globs of tools with capabilities that these may have beyond ``capabilities``.
    ``max_jobs_per_day`` counts each team's jobs under this grant within any 24 hours.
    """

    name: str
    teams: tuple[str, ...]
    tools: tuple[str, ...]
    hosts: Selector
    capabilities: tuple[str, ...]
    max_duration_ms: int | None = None
    max_cpu_pct: float | None = None
    max_events_per_s: int | None = None
    lift_aborts: bool = False
    """Whether these teams may run what was aborted too often."""
    incident: bool = False
    """Whether these teams may call a job an incident, which ends routine jobs on its hosts."""
    one_liners: bool = False
    one_liner_strings: bool = False
    one_liner_memory: bool = False
    classes: frozenset[ToolClass] = frozenset()
    binaries: tuple[str, ...] = ()
    tool_capabilities: tuple[tuple[str, tuple[str, ...]], ...] = ()
    max_hosts: int | None = None
    max_jobs_per_day: int | None = None
    redact: tuple[Rule, ...] = NOTHING
    """What is hidden of the results on their hosts, beside what the site hides."""
    approval_wait_ms: int | None = None
    """How long a job waits for the approval of a second person; None: it needs none."""
    break_glass: bool = False
    """For emergencies alone: it covers a request that says why."""
    reads: tuple[str, ...] = ()
    """Teams (globs) whose jobs and results these teams may see."""
    approves: tuple[str, ...] = ()
    """Teams (globs) whose jobs on these hosts these teams may approve."""
    contact: str = ""
    """Who can change it."""

    @property
    def runs_something(self) -> bool:
        """Whether it lets anything be run; one for readers or approvers alone does not."""
        return bool(self.tools or self.classes or self.one_liners)

    def names_team(self, team: str) -> bool:
        """Whether the grant is for this team."""
        return _any_matches(team, self.teams)

    def names_tool(self, tool: str, classes: frozenset[ToolClass] = frozenset()) -> bool:
        """Whether the grant is for a tool of this name and these classes; one-liners have a key of their own."""
        if tool == ONE_LINER:
            return self.one_liners
        return _any_matches(tool, self.tools) or bool(classes and classes <= self.classes)

    def capabilities_for(self, tool: str) -> tuple[str, ...]:
        """What a tool may have, sorted."""
        further = (name for pattern, names in self.tool_capabilities if fnmatchcase(tool, pattern) for name in names)
        return tuple(sorted({*self.capabilities, *further}))

    def covers_host(self, host: Host) -> bool:
        """Whether the grant is for this host."""
        return self.hosts.matches(host.name, host.labels)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as parsed; ``version`` identifies its text (the first 12 hex digits of its SHA-256)."""

    origin: str
    version: str
    limits: SiteLimits
    default_duration_ms: int
    canary: CanaryPolicy
    waves: WavePolicy
    waits: WaitPolicy
    aborts: AbortPolicy
    grants: tuple[Grant, ...]
    redact: tuple[Rule, ...] = NOTHING
    """What is hidden of every result on its host, whatever the grant."""
    contact: str = ""
    """Who keeps the policy."""
    cases: tuple[Case, ...] = ()
    """What the file says of itself."""

    def who_can_give(self, grant: Grant | None = None) -> str:
        """Whom to ask for more than a grant allows, or for one."""
        return (grant.contact if grant is not None else "") or self.contact or f"whoever keeps {self.origin}"


def _any_matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
