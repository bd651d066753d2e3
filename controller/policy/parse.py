"""Policies from TOML, parsed once. docs/policy.md describes the form."""

import hashlib
from functools import cache
from pathlib import Path

from controller.policy.model import AbortPolicy, CanaryPolicy, Grant, Policy, SiteLimits, WaitPolicy, WavePolicy
from fleettrace.errors import BadInput, BadLabel, BadSelector
from fleettrace.model.capability import TRACING_CAPABILITIES, check_capabilities
from fleettrace.model.names import check_labels
from fleettrace.model.run import OneLinerBounds
from fleettrace.model.selector import Selector, parse_selector
from fleettrace.oneliner.limits import MAX_STRING_BYTES
from fleettrace.toml_tables import Table, parse_toml, read_text

__all__ = ["DEFAULT_POLICY_FILE", "default_policy", "load_policy", "parse_policy"]

DEFAULT_POLICY_FILE = Path(__file__).parent / "default.toml"

MAX_DURATION_S = 86_400
MIN_CPU_PCT = 0.001
MAX_CPU_PCT = 100_000
MAX_EVENTS_PER_S = 1_000_000_000
MAX_MAP_MIB = 65_536
MAX_HOSTS = 1_000_000
MAX_GRANTS = 1_000
MAX_SETTLE_S = 60
MAX_CHECK_S = 60
MAX_WAIT_S = 600
MAX_ABORTS = 1_000
MAX_ABORT_WINDOW_H = 8_784
MIN_FRACTION = 0.000_001
MAX_ONE_LINER_PROBES = 1_000
MAX_ONE_LINER_KEYS = 1_000_000
MIN_ONE_LINER_STRING_BYTES = 16


def load_policy(path: Path) -> Policy:
    """The policy in a file.

    Raises:
        BadInput: it cannot be read or is not of the documented form.
    """
    return parse_policy(read_text(path), str(path))


@cache
def default_policy() -> Policy:
    """The built-in policy, ``controller/policy/default.toml``: any team, any tool, all hosts, modest limits."""
    return parse_policy(_builtin_text(), "the built-in policy")


def parse_policy(text: str, origin: str) -> Policy:
    """Parse a policy; limits that it leaves out are the built-in policy's, grants are its own alone.

    Raises:
        BadInput: not TOML, an unknown key, a wrong type or value, contradicting limits; ``origin`` is named.
    """
    top = parse_toml(text, origin, _builtin_text())
    limits = _limits(top.table("limits"))
    policy = Policy(
        origin=origin,
        version=hashlib.sha256(text.encode()).hexdigest()[:12],
        limits=limits,
        default_duration_ms=_default_duration_ms(top.table("defaults"), limits),
        canary=_canary(top.table("canary"), limits),
        waves=_waves(top.table("waves")),
        waits=_waits(top.table("waits")),
        aborts=_aborts(top.table("aborts")),
        grants=tuple(_grant(table) for table in top.tables("grant", name_key="name", maximum=MAX_GRANTS)),
    )
    top.finish()
    names = [grant.name for grant in policy.grants]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f'{origin}: grant "{name}" comes twice: give each grant a name of its own')
    return policy


@cache
def _builtin_text() -> str:
    return read_text(DEFAULT_POLICY_FILE)


def _limits(table: Table) -> SiteLimits:
    limits = SiteLimits(
        max_duration_ms=_ms(table, "max_duration_s", MAX_DURATION_S),
        max_cpu_pct=table.number("max_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT),
        max_events_per_s=table.integer("max_events_per_s", minimum=1, maximum=MAX_EVENTS_PER_S),
        max_map_bytes=table.integer("max_map_mib", minimum=1, maximum=MAX_MAP_MIB) << 20,
        max_hosts=table.integer("max_hosts", minimum=1, maximum=MAX_HOSTS),
        one_liner=OneLinerBounds(
            max_probes=table.integer("one_liner_max_probes", minimum=0, maximum=MAX_ONE_LINER_PROBES),
            max_keys=table.integer("one_liner_max_keys", minimum=1, maximum=MAX_ONE_LINER_KEYS),
            max_printed_per_s=table.number("one_liner_max_printed_per_s", minimum=0, maximum=MAX_EVENTS_PER_S),
        ),
        one_liner_max_timer_hz=table.number("one_liner_max_timer_hz", minimum=0, maximum=MAX_EVENTS_PER_S),
        one_liner_max_string_bytes=table.integer(
            "one_liner_max_string_bytes", minimum=MIN_ONE_LINER_STRING_BYTES, maximum=MAX_STRING_BYTES
        ),
    )
    table.finish()
    return limits


def _default_duration_ms(table: Table, limits: SiteLimits) -> int:
    duration_ms = _ms_within_ceiling(table, "duration_s", MAX_DURATION_S, limits)
    table.finish()
    return duration_ms


def _canary(table: Table, limits: SiteLimits) -> CanaryPolicy:
    canary = CanaryPolicy(
        check_ms=_ms_within_ceiling(table, "check_s", MAX_CHECK_S, limits),
        min_events=table.integer("min_events", minimum=0, maximum=MAX_EVENTS_PER_S),
    )
    table.finish()
    return canary


def _waves(table: Table) -> WavePolicy:
    fractions = table.numbers("fractions", minimum=MIN_FRACTION, maximum=1)
    settle_ms = _ms(table, "settle_s", MAX_SETTLE_S, minimum_s=0)
    spread_label = _label_name(table, "spread_label")
    table.finish()
    if list(fractions) != sorted(set(fractions)) or fractions[-1] != 1:
        shown = ", ".join(f"{fraction:g}" for fraction in fractions)
        raise BadInput(f"{table.place('fractions')} must ascend and end with 1.0, not [{shown}]")
    return WavePolicy(fractions=fractions, settle_ms=settle_ms, spread_label=spread_label)


def _waits(table: Table) -> WaitPolicy:
    waits = WaitPolicy(start_ms=_ms(table, "start_s", MAX_WAIT_S), end_ms=_ms(table, "end_s", MAX_WAIT_S))
    table.finish()
    return waits


def _aborts(table: Table) -> AbortPolicy:
    aborts = AbortPolicy(
        max_aborts=table.integer("max", minimum=1, maximum=MAX_ABORTS),
        window_ms=round(table.number("window_h", minimum=0, maximum=MAX_ABORT_WINDOW_H) * 3_600_000),
    )
    table.finish()
    return aborts


def _grant(table: Table) -> Grant:
    max_duration_ms = _ms(table, "max_duration_s", MAX_DURATION_S) if table.has("max_duration_s") else None
    max_cpu_pct = max_events_per_s = None
    if table.has("max_cpu_pct"):
        max_cpu_pct = table.number("max_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT)
    if table.has("max_events_per_s"):
        max_events_per_s = table.integer("max_events_per_s", minimum=1, maximum=MAX_EVENTS_PER_S)
    capabilities = table.texts("capabilities", TRACING_CAPABILITIES)
    grant = Grant(
        name=table.text("name"),
        teams=table.texts("teams"),
        tools=table.texts("tools"),
        hosts=_selector(table, "hosts"),
        capabilities=check_capabilities(capabilities, table.place("capabilities")),
        max_duration_ms=max_duration_ms,
        max_cpu_pct=max_cpu_pct,
        max_events_per_s=max_events_per_s,
        lift_aborts=table.has("lift_aborts") and table.boolean("lift_aborts"),
        one_liners=table.has("one_liners") and table.boolean("one_liners"),
        one_liner_strings=table.has("one_liner_strings") and table.boolean("one_liner_strings"),
        one_liner_memory=table.has("one_liner_memory") and table.boolean("one_liner_memory"),
    )
    table.finish()
    return grant


def _label_name(table: Table, key: str) -> str:
    name = table.text(key)
    try:
        check_labels({name: "a"})
    except BadLabel as error:
        raise BadInput(f"{table.place(key)} must be a label's name, such as zone, not {name[:40]!r}") from error
    return name


def _selector(table: Table, key: str) -> Selector:
    try:
        return parse_selector(table.text(key))
    except BadSelector as error:
        raise BadInput(f"{table.place(key)}: {error}") from error


def _ms_within_ceiling(table: Table, key: str, maximum_s: float, limits: SiteLimits) -> int:
    value_ms = _ms(table, key, maximum_s)
    if table.has(key) and value_ms > limits.max_duration_ms:
        raise BadInput(
            f"{table.place(key)} ({value_ms / 1000:g}) is above limits.max_duration_s "
            f"({limits.max_duration_ms / 1000:g}): lower the one or raise the other"
        )
    # A built-in value gives way to a ceiling that the text lowered.
    return min(value_ms, limits.max_duration_ms)


def _ms(table: Table, key: str, maximum_s: float, minimum_s: float = 0.001) -> int:
    return round(table.number(key, minimum=minimum_s, maximum=maximum_s) * 1000)
