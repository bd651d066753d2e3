"""The host's own policy: a local file that no controller can change. docs/policy.md describes the form."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from fleettrace.errors import BadInput
from fleettrace.model.capability import check_capabilities
from fleettrace.model.redaction import NOTHING, Rule
from fleettrace.model.run import OneLinerBounds
from fleettrace.orders.keys import PublicKey
from fleettrace.redact_table import parse_redact
from fleettrace.toml_tables import Table, parse_toml, read_text

__all__ = [
    "DEFAULT_PATH",
    "FILE",
    "ApprovalPolicy",
    "Approver",
    "HostPolicy",
    "OneLinerPolicy",
    "default_host_policy",
    "load_host_policy",
    "parse_host_policy",
]

FILE = "agent.toml"
DEFAULT_PATH = Path("/etc/fleettrace") / FILE
BUILTIN_FILE = Path(__file__).parent / FILE

MAX_DURATION_S = 86_400
MIN_CPU_PCT = 0.001
MAX_CPU_PCT = 100_000
MAX_EVENTS_PER_S = 1_000_000_000
MAX_MAP_MIB = 65_536
MAX_RUNS = 64
MIN_CHILD_MIB = 32
"""With less not even the smallest tool starts."""
MAX_ONE_LINER_PROBES = 1_000
MAX_ONE_LINER_KEYS = 1_000_000
MAX_STRING_BYTES = 200
MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class OneLinerPolicy:
    """What programs that come with their job may do here; see :class:`fleettrace.oneliner.OneLinerLimits`."""

    allowed: bool
    may_read_strings: bool
    may_read_memory: bool
    bounds: OneLinerBounds
    max_timer_hz: float
    max_string_bytes: int


@dataclass(frozen=True, slots=True)
class Approver:
    """Somebody whose signature lets a program run here; the key is not one that a controller has."""

    name: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """Which tools (globs; ``one-liner`` stands for programs that come with their job) need an approver's signature."""

    tools: tuple[str, ...] = ()
    approvers: tuple[Approver, ...] = ()


@dataclass(frozen=True, slots=True)
class HostPolicy:
    """What this host allows. ``max_cpu_pct`` is in percent of one CPU, summed over all; teams and tools are globs.

    ``max_child_...``: of the process that traces. A run is stopped when a map is fuller than ``max_map_fill_pct``.
    """

    origin: str
    max_duration_ms: int
    max_cpu_pct: float
    max_events_per_s: int
    max_map_bytes: int
    max_runs: int
    teams: tuple[str, ...]
    tools: tuple[str, ...]
    capabilities: tuple[str, ...]
    one_liner: OneLinerPolicy
    max_child_cpu_pct: float
    max_child_rss_bytes: int
    max_map_fill_pct: float
    approvals: ApprovalPolicy = ApprovalPolicy()
    order_keys: tuple[PublicKey, ...] = ()
    """Of controllers, where the host's owner names them; none: those that it was enrolled with."""
    redact: tuple[Rule, ...] = NOTHING
    """What is hidden of every result, whatever the controller asks for."""

    def needs_approval(self, tool: str) -> bool:
        """Whether this tool runs here only with an approver's signature."""
        return any(fnmatchcase(tool, pattern) for pattern in self.approvals.tools)

    def allows_team(self, team: str) -> bool:
        """Whether this team's jobs run here."""
        return any(fnmatchcase(team, pattern) for pattern in self.teams)

    def allows_tool(self, tool: str) -> bool:
        """Whether this tool runs here."""
        return any(fnmatchcase(tool, pattern) for pattern in self.tools)


def load_host_policy(path: Path | None = None) -> HostPolicy:
    """The policy in ``path``; None: in :data:`DEFAULT_PATH`, or the built-in one where that file is absent.

    Raises:
        BadInput: the file cannot be read or is not of the documented form. An agent must then not start:
            the owner of the host meant to limit something, and what is not known.
    """
    if path is None:
        path = DEFAULT_PATH
        try:
            # A dangling link and a forbidden directory are not "absent": they go on to be refused.
            path.lstat()
        except FileNotFoundError:
            return default_host_policy()
        except OSError:
            pass
    return parse_host_policy(read_text(path), str(path))


@cache
def default_host_policy() -> HostPolicy:
    """The built-in host policy, ``node_agent/guard/agent.toml``."""
    return parse_host_policy(_builtin_text(), "the built-in host policy")


def parse_host_policy(text: str, origin: str) -> HostPolicy:
    """Parse a host policy; keys that it leaves out are the built-in policy's.

    Raises:
        BadInput: not TOML, an unknown key, a wrong type or value; ``origin`` is named.
    """
    top = parse_toml(text, origin, _builtin_text())
    limits = top.table("limits")
    policy = HostPolicy(
        origin=origin,
        max_duration_ms=round(limits.number("max_duration_s", minimum=0.001, maximum=MAX_DURATION_S) * 1000),
        max_cpu_pct=limits.number("max_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT),
        max_events_per_s=limits.integer("max_events_per_s", minimum=1, maximum=MAX_EVENTS_PER_S),
        max_map_bytes=limits.integer("max_map_mib", minimum=1, maximum=MAX_MAP_MIB) << 20,
        max_runs=limits.integer("max_runs", minimum=0, maximum=MAX_RUNS),
        teams=top.texts("teams"),
        tools=top.texts("tools"),
        capabilities=check_capabilities(top.texts("capabilities"), top.place("capabilities")),
        one_liner=_one_liner(top, limits),
        max_child_cpu_pct=limits.number("max_child_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT),
        max_child_rss_bytes=limits.integer("max_child_mib", minimum=MIN_CHILD_MIB, maximum=MAX_MAP_MIB) << 20,
        max_map_fill_pct=limits.number("max_map_fill_pct", minimum=1, maximum=100),
        approvals=_approvals(top),
        order_keys=_order_keys(top),
        redact=parse_redact(top.table("redact")),
    )
    limits.finish()
    top.finish()
    return policy


def _one_liner(top: Table, limits: Table) -> OneLinerPolicy:
    return OneLinerPolicy(
        allowed=top.boolean("one_liners"),
        may_read_strings=top.boolean("one_liner_strings"),
        may_read_memory=top.boolean("one_liner_memory"),
        bounds=OneLinerBounds(
            max_probes=limits.integer("one_liner_max_probes", minimum=0, maximum=MAX_ONE_LINER_PROBES),
            max_keys=limits.integer("one_liner_max_keys", minimum=1, maximum=MAX_ONE_LINER_KEYS),
            max_printed_per_s=limits.number("one_liner_max_printed_per_s", minimum=0, maximum=MAX_EVENTS_PER_S),
        ),
        max_timer_hz=limits.number("one_liner_max_timer_hz", minimum=0, maximum=MAX_EVENTS_PER_S),
        max_string_bytes=limits.integer("one_liner_max_string_bytes", minimum=16, maximum=MAX_STRING_BYTES),
    )


def _approvals(top: Table) -> ApprovalPolicy:
    needed = top.table("approvals")
    tools = needed.texts("tools") if needed.has("tools") else ()
    needed.finish()
    approvers = []
    for table in top.tables("approver", name_key="name", maximum=MAX_KEYS):
        name = table.text("name")
        approvers.append(Approver(name, _key(table, "key", table.text("key"))))
        table.finish()
    if tools and not approvers:
        raise BadInput(
            f"{needed.place('tools')} asks for approvals and no [[approver]] could give one: add one with its name and "
            "key"
        )
    return ApprovalPolicy(tools, tuple(approvers))


def _order_keys(top: Table) -> tuple[PublicKey, ...]:
    orders = top.table("orders")
    texts = orders.texts("keys") if orders.has("keys") else ()
    keys = tuple(_key(orders, "keys", text) for text in texts)
    orders.finish()
    return keys


def _key(table: Table, name: str, text: str) -> PublicKey:
    try:
        return PublicKey.parse(text)
    except BadInput as error:
        raise BadInput(f"{table.place(name)}: {error}") from error


@cache
def _builtin_text() -> str:
    return read_text(BUILTIN_FILE)
