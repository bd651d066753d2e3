"""The host decides again, by its own policy: it does not trust what the controller has decided.

Limits are lowered silently where the run stays what was asked for (event rate, CPU, maps); a duration is
refused instead, because half a window would look like a whole one.
"""

from collections.abc import Collection

from fleettrace.errors import DigestMismatch, Refused, Unfit
from fleettrace.model.run import OneLinerBounds, RunLimits, StartRun
from fleettrace.model.tool import ToolDefinition
from node_agent.guard.policy import DEFAULT_PATH, FILE, HostPolicy, load_host_policy

__all__ = ["DEFAULT_PATH", "HostPolicy", "capabilities_for", "check", "load_host_policy"]


def check(
    policy: HostPolicy,
    order: StartRun,
    tool: ToolDefinition,
    *,
    now_ms: int,
    running: int,
    own_name: str,
    available_capabilities: Collection[str],
) -> RunLimits:
    """The order's limits lowered to the host's own, with the capabilities that the child is to get.

    ``tool`` is this host's copy, found by the order's name; ``now_ms`` is Unix time; ``running`` counts the
    runs on this host at the moment, without this one; ``available_capabilities`` are those that the agent
    can hand on.

    Raises:
        Refused: the order is for another host, expired or senseless, or the host's policy forbids it;
            ``rule`` names the rule.
        DigestMismatch: the controller means another version of the tool.
        BadParameter: a parameter is unknown or out of range.
        Unfit: the agent lacks a capability that the tool needs.
    """
    _check_order(order, now_ms, own_name)
    if tool.name != order.tool or tool.digest != order.digest:
        raise DigestMismatch(
            f"{own_name} has {tool.name} {tool.digest[:12]} and the controller means {order.tool} "
            f"{order.digest[:12]}: install the same version of fleettrace on both"
        )
    tool.resolve_params(order.params)
    _check_policy(policy, order, running, own_name)
    if policy.needs_approval(tool.name):
        _check_approvals(policy, order, tool, now_ms, own_name)
    limits = order.limits
    return RunLimits(
        duration_ms=limits.duration_ms,
        max_events_per_s=min(limits.max_events_per_s, policy.max_events_per_s),
        max_map_bytes=min(limits.max_map_bytes, policy.max_map_bytes),
        max_cpu_pct=min(limits.max_cpu_pct, policy.max_cpu_pct),
        capabilities=capabilities_for(policy, tool, limits.capabilities, own_name, available_capabilities),
        one_liner=_check_program(policy, order, own_name) if order.program else None,
        max_child_cpu_pct=min(limits.max_child_cpu_pct or policy.max_child_cpu_pct, policy.max_child_cpu_pct),
        max_child_rss_bytes=min(limits.max_child_rss_bytes or policy.max_child_rss_bytes, policy.max_child_rss_bytes),
    )


def _check_program(policy: HostPolicy, order: StartRun, own_name: str) -> OneLinerBounds:
    # Imported where needed: the language and its parser would stay in an agent's memory.
    from node_agent.guard.programs import check_program  # noqa: PLC0415

    return check_program(policy.one_liner, order, f"on {own_name} ({policy.origin})")


def _check_approvals(policy: HostPolicy, order: StartRun, tool: ToolDefinition, now_ms: int, own_name: str) -> None:
    # Imported where needed: most hosts ask for none.
    from node_agent.guard.approvals import check_approvals  # noqa: PLC0415

    check_approvals(policy, order, tool, now_ms, f"on {own_name} ({policy.origin})")


def _check_order(order: StartRun, now_ms: int, own_name: str) -> None:
    if order.run.host != own_name:
        raise Refused(f"the order is for {order.run.host} and this is {own_name}: send it there", "order.host")
    if order.expires_at_ms <= now_ms:
        late = _seconds(now_ms - order.expires_at_ms)
        raise Refused(
            f"the order reached {own_name} {late} after it expired, by its own clock: set that one "
            "('fleettrace doctor' says how far it is off), and submit the job again",
            "order.expires_at",
        )
    limits = order.limits
    # Written so that a CPU limit that is not a number is refused: min() would let it through.
    if limits.duration_ms < 1 or limits.max_events_per_s < 1 or limits.max_map_bytes < 1 or not limits.max_cpu_pct > 0:
        raise Refused(
            f"the order bounds nothing: each limit must be above zero, not {limits.duration_ms} ms, "
            f"{limits.max_events_per_s} events/s, {limits.max_map_bytes} bytes of maps and {limits.max_cpu_pct}% CPU",
            "order.limits",
        )


def _check_policy(policy: HostPolicy, order: StartRun, running: int, own_name: str) -> None:
    allowed_by = f"on {own_name} ({policy.origin})"
    if not policy.allows_team(order.team):
        raise Refused(
            f"team {order.team or '(none)'} may not trace {allowed_by}: its owner can add it to teams", f"{FILE} teams"
        )
    if not policy.allows_tool(order.tool):
        raise Refused(f"{order.tool} may not run {allowed_by}: its owner can add it to tools", f"{FILE} tools")
    if order.limits.duration_ms > policy.max_duration_ms:
        raise Refused(
            f"{_seconds(order.limits.duration_ms)} is longer than the {_seconds(policy.max_duration_ms)} "
            f"allowed {allowed_by}: ask for less, or have limits.max_duration_s raised",
            f"{FILE} limits.max_duration_s",
        )
    if running >= policy.max_runs:
        raise Refused(
            f"{running} run{' is' if running == 1 else 's are'} on and {policy.max_runs} allowed {allowed_by}: "
            f"wait for the others, or have limits.max_runs raised",
            f"{FILE} limits.max_runs",
        )


def capabilities_for(
    policy: HostPolicy, tool: ToolDefinition, granted: Collection[str], own_name: str, available: Collection[str]
) -> tuple[str, ...]:
    """What the tool needs, and of what its ways can use what everybody allows and the agent has; nothing else.

    Raises:
        Refused: the controller (``granted``) or the host's policy does not allow what it needs.
        Unfit: the agent does not have it.
    """
    for name in tool.capabilities:
        if name not in granted:
            raise Refused(f"{tool.name} needs {name}, which the controller has not granted", "order.capabilities")
        if name not in policy.capabilities:
            raise Refused(
                f"{tool.name} needs {name}, which is not allowed on {own_name} ({policy.origin}): its owner can add "
                f"it to capabilities",
                f"{FILE} capabilities",
            )
    lacking = [name for name in tool.capabilities if name not in available]
    if lacking:
        raise Unfit(
            f"{tool.name} needs {', '.join(lacking)}, which the agent on {own_name} cannot hand on: give its service "
            f"AmbientCapabilities={' '.join(tool.capabilities)}"
        )
    allowed = frozenset(granted).intersection(policy.capabilities, available)
    return tuple(sorted({name for way in tool.ways(allowed) for name in way.capabilities}))


def _seconds(duration_ms: int) -> str:
    """To the millisecond, so that what is asked for never reads the same as the lower number that is allowed."""
    return f"{duration_ms / 1000:.9g} s"
