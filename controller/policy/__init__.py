"""Pure decisions: who may run what where, within which limits."""

from controller.policy.decide import Denied, Granted, Request, decide
from controller.policy.model import AbortPolicy, CanaryPolicy, Grant, Policy, SiteLimits, WaitPolicy, WavePolicy
from controller.policy.parse import default_policy, load_policy, parse_policy
from controller.policy.rights import approving, may_see_host, reading

__all__ = [
    "AbortPolicy",
    "CanaryPolicy",
    "Denied",
    "Grant",
    "Granted",
    "Policy",
    "Request",
    "SiteLimits",
    "WaitPolicy",
    "WavePolicy",
    "approving",
    "decide",
    "default_policy",
    "load_policy",
    "may_see_host",
    "parse_policy",
    "reading",
]
