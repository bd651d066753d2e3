"""The host's judgement of a one-liner, by its text: what the controller has judged is judged again."""

from fleettrace.errors import Refused
from fleettrace.model.run import OneLinerBounds, StartRun
from fleettrace.oneliner import OneLinerLimits, describe, parse, refusals
from node_agent.guard.policy import FILE, OneLinerPolicy

__all__ = ["check_program"]

LIFTED_BY_FLAG = frozenset({"one_liner_strings", "one_liner_memory"})


def check_program(policy: OneLinerPolicy, order: StartRun, where: str) -> OneLinerBounds:
    """The order's bounds of its one-liner, lowered to the host's own; ``where`` names the host and its file.

    Raises:
        Refused: the host's policy forbids it, or the order bounds nothing; ``rule`` names the rule.
        BadProgram: the program is outside the accepted language.
    """
    if not policy.allowed:
        raise Refused(f"one-liners may not run {where}: its owner can set one_liners = true", f"{FILE} one_liners")
    asked = order.limits.one_liner
    if asked is None:
        raise Refused("the order does not bound its program: install the same fleettrace on both", "order.limits")
    bounds = OneLinerBounds(
        max_probes=min(asked.max_probes, policy.bounds.max_probes),
        max_keys=min(asked.max_keys, policy.bounds.max_keys),
        max_printed_per_s=min(asked.max_printed_per_s, policy.bounds.max_printed_per_s),
    )
    limits = OneLinerLimits(
        max_probes=bounds.max_probes,
        may_read_strings=policy.may_read_strings,
        may_read_memory=policy.may_read_memory,
        max_printed_per_s=bounds.max_printed_per_s,
        max_timer_hz=policy.max_timer_hz,
        max_string_bytes=policy.max_string_bytes,
    )
    found = refusals(describe(parse(order.program)), limits)
    if found:
        key = found[0].key if found[0].key in LIFTED_BY_FLAG else f"limits.{found[0].key}"
        raise Refused(f"{'; and '.join(one.reason for one in found)} ({where.removeprefix('on ')})", f"{FILE} {key}")
    return bounds
