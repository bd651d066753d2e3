"""Files that people write: policies, the host's own file, an identity provider, an inventory."""

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

from controller.identity.oidc.config import parse_oidc
from controller.install.inventory import parse_inventory
from controller.policy.decide import decide
from controller.policy.judging import judge
from controller.policy.model import Policy
from controller.policy.parse import parse_policy
from controller.policy.request import Granted, Request
from fleettrace.catalog import find_tool
from fleettrace.errors import BadInput
from fleettrace.model.host import Host, HostFacts
from node_agent.guard.policy import default_host_policy, parse_host_policy
from tests.fakes.issuer import provider_file
from tests.fuzz.target import Target, text_target

__all__ = ["TARGETS"]

ROOT = Path(__file__).parents[2]
TOOLS = tuple(find_tool(name) for name in ("runqlat", "opensnoop", "profile"))
FACTS = HostFacts(kernel_release="6.1", kernel_build="#1", arch="x86_64", cpu_count=2)
HOSTS = tuple(Host(f"{role}-1", {"role": role}, FACTS, connected=True, last_seen_ms=0) for role in ("api", "db"))
TEAMS = ("default", "sre", "db")
DURATIONS_MS = (None, 1, 86_400_000)
_INVENTORY = """
jump = "ssh://ops@bastion"
[labels]
zone = "a"
[[host]]
address = "ssh://root@10.0.0.7:22"
name = "api-1"
jump = "none"
[host.labels]
role = "api"
"""
_PROVIDER = provider_file(
    "https://login.example",
    teams={("groups", "db"): "db"},
    scopes={("groups", "on-call"): ["read", "run"]},
    operator_claim="email",
)


def _policy(data: bytes) -> None:
    """A file that is taken grants what is written in it and nothing else, and its own tests can be asked."""
    try:
        text = data.decode()
        policy = parse_policy(text, "p")
    except (BadInput, UnicodeDecodeError):
        return  # a file that is no UTF-8 is not read
    written = {str(grant["name"]): grant for grant in tomllib.loads(text).get("grant", [])}
    for team, tool, hosts, duration_ms in product(TEAMS, TOOLS, (HOSTS[:1], HOSTS), DURATIONS_MS):
        _within(policy, written, Request(team, "ada", tool, hosts, duration_ms))
    for case in policy.cases:
        judge(policy, case)


def _within(policy: Policy, written: dict[str, Any], request: Request) -> None:
    verdict = decide(policy, request)
    if not isinstance(verdict, Granted):
        assert verdict.reason
        return
    grant = written[verdict.rule.removeprefix('grant "').removesuffix('"')]
    assert any(fnmatchcase(request.team, pattern) for pattern in grant["teams"])
    assert "tools" in grant or "classes" in grant
    assert not grant.get("break_glass", False)
    assert verdict.duration_ms <= policy.limits.max_duration_ms
    assert len(request.hosts) <= policy.limits.max_hosts
    if "max_duration_s" in grant:
        assert verdict.duration_ms <= round(grant["max_duration_s"] * 1000)
    if "max_hosts" in grant:
        assert len(request.hosts) <= grant["max_hosts"]
    assert verdict.limits.max_cpu_pct <= policy.limits.max_cpu_pct


def _host_policy(data: bytes) -> None:
    """What the file leaves out is the built-in policy's: it opens nothing that it does not name."""
    with suppress(BadInput, UnicodeDecodeError):
        text = data.decode()
        policy = parse_host_policy(text, "a")
        built_in, written = default_host_policy(), tomllib.loads(text)
        for name in ("teams", "tools", "capabilities"):
            wanted = tuple(written[name]) if name in written else getattr(built_in, name)
            assert set(getattr(policy, name)) <= set(wanted), name
        assert policy.approvals.approvers or not policy.approvals.tools


def _policies() -> Sequence[bytes]:
    files = [*(ROOT / "deploy" / "policies").glob("*.toml"), ROOT / "controller" / "policy" / "default.toml"]
    return [file.read_bytes() for file in files]


TARGETS = {
    "policy": Target(_policy, _policies),
    "host_policy": Target(
        _host_policy,
        lambda: [(ROOT / name / "agent.toml").read_bytes() for name in ("deploy", "node_agent/guard")],
    ),
    "provider": text_target(lambda text: parse_oidc(text, "o"), lambda: [_PROVIDER]),
    "inventory": text_target(lambda text: parse_inventory(text, "i"), lambda: [_INVENTORY]),
}
