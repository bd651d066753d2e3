"""A site's policy: its hard ceilings, how careful canaries and waves are, and who was granted what."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from fleettrace.model.host import Host
from fleettrace.model.run import OneLinerBounds
from fleettrace.model.selector import Selector
from fleettrace.model.tool import ONE_LINER

__all__ = ["AbortPolicy", "CanaryPolicy", "Grant", "Policy", "SiteLimits", "WaitPolicy", "WavePolicy"]


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """Ceilings that no grant exceeds. ``max_cpu_pct`` is in percent of one CPU, summed over a host's CPUs.

    One-liners have further ones: ``one_liner`` is what a run is given, timers and texts are judged by the program.
    """

    max_duration_ms: int
    max_cpu_pct: float
    max_events_per_s: int
    max_map_bytes: int
    max_hosts: int
    one_liner: OneLinerBounds
    one_liner_max_timer_hz: float
    one_liner_max_string_bytes: int


@dataclass(frozen=True, slots=True)
class CanaryPolicy:
    """How long the frequency check counts, and the fewest events that can be judged."""

    check_ms: int
    min_events: int


@dataclass(frozen=True, slots=True)
class WavePolicy:
    """Waves after the canaries: ascending fractions of the hosts, the last one 1.0.

    ``spread_label``: hosts that share its value fail together, and a wave takes an even share of each.
    """

    fractions: tuple[float, ...]
    settle_ms: int
    spread_label: str


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How long a host may take from the order to its first attached probe, and from the end of a run to its part."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class AbortPolicy:
    """A program that was aborted ``max_aborts`` times within ``window_ms`` is denied until the window has passed."""

    max_aborts: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class Grant:
    """These teams may run these tools (globs both) on these hosts, within limits; None: the site's limit.

    ``one_liners``: programs of their own, too, whatever the tools; ``one_liner_strings`` and ``one_liner_memory`` let
    those read text, and follow pointers.
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
    one_liners: bool = False
    one_liner_strings: bool = False
    one_liner_memory: bool = False

    def names_team(self, team: str) -> bool:
        """Whether the grant is for this team."""
        return any(fnmatchcase(team, pattern) for pattern in self.teams)

    def names_tool(self, tool: str) -> bool:
        """Whether the grant is for this tool; one-liners have a key of their own."""
        if tool == ONE_LINER:
            return self.one_liners
        return any(fnmatchcase(tool, pattern) for pattern in self.tools)

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
