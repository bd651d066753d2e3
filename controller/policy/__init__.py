"""Pure decisions: who may run what where, within which limits."""

from controller.policy.decide import Denied, Granted, Request, decide
from controller.policy.model import AbortPolicy, CanaryPolicy, Grant, Policy, SiteLimits, WaitPolicy, WavePolicy
from controller.policy.parse import default_policy, load_policy, parse_policy

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
    "decide",
    "default_policy",
    "load_policy",
    "parse_policy",
]
