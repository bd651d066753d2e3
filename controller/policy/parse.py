"""Policies from TOML, parsed once. docs/policy.md describes the form."""

import hashlib
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from controller.policy.bounds import (
    MAX_ABORT_WINDOW_H,
    MAX_ABORTS,
    MAX_CHECK_S,
    MAX_CPU_PCT,
    MAX_DURATION_S,
    MAX_EVENTS_PER_S,
    MAX_FILL_PCT,
    MAX_GRANTS,
    MAX_HOSTS,
    MAX_LEAD_S,
    MAX_MAP_MIB,
    MAX_ONE_LINER_KEYS,
    MAX_ONE_LINER_PROBES,
    MAX_QUEUE_S,
    MAX_SETTLE_S,
    MAX_TESTS,
    MAX_WAIT_S,
    MIN_CHILD_MIB,
    MIN_CPU_PCT,
    MIN_FRACTION,
    MIN_ONE_LINER_STRING_BYTES,
    milliseconds,
)
from controller.policy.cases import parse_case
from controller.policy.judging import judge
from controller.policy.model import AbortPolicy, CanaryPolicy, Policy, SiteLimits, WaitPolicy, WavePolicy
from controller.policy.parse_grants import parse_grant
from fleettrace.errors import BadInput, BadLabel
from fleettrace.model.names import check_labels
from fleettrace.model.run import OneLinerBounds
from fleettrace.oneliner.limits import MAX_STRING_BYTES
from fleettrace.redact_table import parse_redact
from fleettrace.toml_tables import Table, parse_toml, read_text

__all__ = ["DEFAULT_POLICY_FILE", "default_policy", "load_policy", "parse_policy", "read_policy"]

DEFAULT_POLICY_FILE = Path(__file__).parent / "default.toml"


def read_policy(path: Path) -> Policy:
    """The policy in a file, whatever its tests say.

    Raises:
        BadInput: it cannot be read, or is not of the documented form.
    """
    return parse_policy(read_text(path), str(path))


def load_policy(path: Path) -> Policy:
    """The policy in a file, to be put in force.

    Raises:
        BadInput: it cannot be read, is not of the documented form, or is not what its own tests say.
    """
    policy = read_policy(path)
    failed = [judged for judged in map(partial(judge, policy), policy.cases) if not judged.passed]
    if failed:
        first = failed[0]
        raise BadInput(
            f'{path}: {len(failed)} of {len(policy.cases)} of its tests fail; "{first.case.name}" expects '
            f"{first.expected}, and the policy says {first.actual}: see 'fleettrace policy check {path}'"
        )
    return policy


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
        grants=tuple(map(parse_grant, top.tables("grant", name_key="name", maximum=MAX_GRANTS))),
        redact=parse_redact(top.table("redact")),
        contact=top.text("contact") if top.has("contact") else "",
        cases=tuple(map(parse_case, top.tables("test", name_key="name", maximum=MAX_TESTS))),
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
        max_duration_ms=milliseconds(table, "max_duration_s", MAX_DURATION_S),
        max_cpu_pct=table.number("max_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT),
        max_host_cpu_pct=table.number("max_host_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT),
        max_events_per_s=table.integer("max_events_per_s", minimum=1, maximum=MAX_EVENTS_PER_S),
        max_map_bytes=table.integer("max_map_mib", minimum=1, maximum=MAX_MAP_MIB) << 20,
        max_busiest_cpu_pct=table.number("max_busiest_cpu_pct", minimum=MIN_CPU_PCT, maximum=100),
        max_child_cpu_pct=table.number("max_child_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT),
        max_child_rss_bytes=table.integer("max_child_mib", minimum=MIN_CHILD_MIB, maximum=MAX_MAP_MIB) << 20,
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
    if limits.max_host_cpu_pct < limits.max_cpu_pct:
        if table.has("max_host_cpu_pct"):
            raise BadInput(
                f"{table.place('max_host_cpu_pct')} ({limits.max_host_cpu_pct:g}) is below max_cpu_pct "
                f"({limits.max_cpu_pct:g}), so that no job would ever fit: raise the one or lower the other"
            )
        # A built-in value gives way to a ceiling that the text raised, and holds two jobs as it does otherwise.
        limits = replace(limits, max_host_cpu_pct=2 * limits.max_cpu_pct)
    return limits


def _default_duration_ms(table: Table, limits: SiteLimits) -> int:
    duration_ms = _ms_within_ceiling(table, "duration_s", MAX_DURATION_S, limits)
    table.finish()
    return duration_ms


def _canary(table: Table, limits: SiteLimits) -> CanaryPolicy:
    canary = CanaryPolicy(
        check_ms=_ms_within_ceiling(table, "check_s", MAX_CHECK_S, limits),
        min_events=table.integer("min_events", minimum=0, maximum=MAX_EVENTS_PER_S),
        trial_ms=_ms_within_ceiling(table, "trial_s", MAX_CHECK_S, limits),
        max_lost_pct=table.number("max_lost_pct", minimum=0, maximum=100),
        max_map_fill_pct=table.number("max_map_fill_pct", minimum=1, maximum=MAX_FILL_PCT),
        class_labels=_label_names(table, "class_labels"),
    )
    table.finish()
    return canary


def _waves(table: Table) -> WavePolicy:
    fractions = table.numbers("fractions", minimum=MIN_FRACTION, maximum=1)
    settle_ms = milliseconds(table, "settle_s", MAX_SETTLE_S, minimum_s=0)
    lead_ms = milliseconds(table, "lead_s", MAX_LEAD_S, minimum_s=0)
    spread_label = _label_name(table, "spread_label")
    table.finish()
    if list(fractions) != sorted(set(fractions)) or fractions[-1] != 1:
        shown = ", ".join(f"{fraction:g}" for fraction in fractions)
        raise BadInput(f"{table.place('fractions')} must ascend and end with 1.0, not [{shown}]")
    return WavePolicy(fractions=fractions, settle_ms=settle_ms, lead_ms=lead_ms, spread_label=spread_label)


def _waits(table: Table) -> WaitPolicy:
    waits = WaitPolicy(
        start_ms=milliseconds(table, "start_s", MAX_WAIT_S),
        end_ms=milliseconds(table, "end_s", MAX_WAIT_S),
        queue_ms=milliseconds(table, "queue_s", MAX_QUEUE_S),
    )
    table.finish()
    return waits


def _aborts(table: Table) -> AbortPolicy:
    aborts = AbortPolicy(
        max_aborts=table.integer("max", minimum=1, maximum=MAX_ABORTS),
        window_ms=round(table.number("window_h", minimum=0, maximum=MAX_ABORT_WINDOW_H) * 3_600_000),
    )
    table.finish()
    return aborts


def _label_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.texts(key) if table.has(key) else ()
    return tuple(_check_label(table, key, name) for name in names)


def _label_name(table: Table, key: str) -> str:
    return _check_label(table, key, table.text(key))


def _check_label(table: Table, key: str, name: str) -> str:
    try:
        check_labels({name: "a"})
    except BadLabel as error:
        raise BadInput(f"{table.place(key)} must be a label's name, such as zone, not {name[:40]!r}") from error
    return name


def _ms_within_ceiling(table: Table, key: str, maximum_s: float, limits: SiteLimits) -> int:
    value_ms = milliseconds(table, key, maximum_s)
    if table.has(key) and value_ms > limits.max_duration_ms:
        raise BadInput(
            f"{table.place(key)} ({value_ms / 1000:g}) is above limits.max_duration_s "
            f"({limits.max_duration_ms / 1000:g}): lower the one or raise the other"
        )
    # A built-in value gives way to a ceiling that the text lowered.
    return min(value_ms, limits.max_duration_ms)
