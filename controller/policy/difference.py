"""What changes between two policies: the same questions to both, and the answers that differ."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from controller.policy.cases import imagined_host, usual_params
from controller.policy.decide import decide
from controller.policy.model import Grant, Policy
from controller.policy.request import Denied, Granted, Request
from controller.policy.rights import approving, reading
from controller.policy.wording import seconds_text
from fleettrace.catalog import builtin_tools
from fleettrace.model.host import Host
from fleettrace.model.params import ParamValue
from fleettrace.model.policy import PolicyChange, PolicyDifference
from fleettrace.model.redaction import redaction_text, strictest
from fleettrace.model.selector import Selector
from fleettrace.model.tool import ToolDefinition
from fleettrace.oneliner import ProgramFacts, read_one_liner

__all__ = ["MAX_ASKED", "difference"]

MAX_ASKED = 60_000
"""Decisions that are compared at most."""

ANOTHER_TEAM = "another-team"
ONE_LINERS = {
    "one-liner": "profile:hz:99 { @ = count(); }",
    "one-liner that reads text": "tracepoint:syscalls:sys_enter_openat { @[str(args->filename)] = count(); }",
    "one-liner that follows pointers": "kprobe:vfs_read { @[*arg0] = count(); }",
}


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is asked for: a tool with parameters, or a one-liner."""

    name: str
    tool: ToolDefinition
    params: Mapping[str, ParamValue]
    program: ProgramFacts | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer in numbers, of which each can be wider or narrower, and in words."""

    permission: int
    limits: tuple[float, ...]
    capabilities: frozenset[str]
    hidden: frozenset[object]
    text: str


def difference(old: Policy, new: Policy) -> PolicyDifference:
    """Ask both what every team, tool and kind of host that either of them names may do; what differs, put together.

    A glob stands for one name that it matches, and no name at all for everybody else.
    """
    grants = (*old.grants, *new.grants)
    teams, hosts = _teams(grants), _hosts(grants)
    questions = list(product(teams, _subjects(grants), hosts))
    asked = questions[:MAX_ASKED]
    changes: dict[tuple[str, str, str, str], dict[str, list[str]]] = {}
    for team, subject, host in asked:
        before, after = _ask(old, team, subject, host), _ask(new, team, subject, host)
        if before != after:
            key = (_direction(before, after), team, before.text, after.text)
            changes.setdefault(key, {}).setdefault(subject.name, []).append(host.name)
    found = [*_grouped(changes), *_rights(old, new, teams, hosts)]
    return PolicyDifference(
        old=f"{old.origin} ({old.version})",
        new=f"{new.origin} ({new.version})",
        asked=len(asked) + len(teams) ** 2 * 2,
        left_out=len(questions) - len(asked),
        changes=tuple(sorted(found, key=lambda one: (one.direction != "widened", one.team, one.what))),
    )


def _ask(policy: Policy, team: str, subject: _Subject, host: Host) -> _Answer:
    request = Request(team, "", subject.tool, [host], program=subject.program, params=subject.params)
    outcome = decide(policy, request)
    if isinstance(outcome, Denied):
        # Grants for emergencies are part of what a team may do.
        emergency = decide(
            policy,
            Request(
                team,
                "",
                subject.tool,
                [host],
                program=subject.program,
                params=subject.params,
                break_glass="asked",
            ),
        )
        if isinstance(emergency, Granted):
            return _answer(policy, emergency, 1, "granted in an emergency")
        return _Answer(0, (), frozenset(), frozenset(), "denied")
    if outcome.approval_wait_ms is not None:
        return _answer(policy, outcome, 2, "needs approval")
    return _answer(policy, outcome, 3, "granted")


def _answer(policy: Policy, granted: Granted, permission: int, text: str) -> _Answer:
    grant = next(one for one in policy.grants if f'grant "{one.name}"' == granted.rule)
    longest_ms = min(policy.limits.max_duration_ms, grant.max_duration_ms or policy.limits.max_duration_ms)
    hosts = min(policy.limits.max_hosts, grant.max_hosts or policy.limits.max_hosts)
    limits = granted.limits
    words = [
        f"{seconds_text(longest_ms)}",
        f"{limits.max_cpu_pct:g}% of one CPU",
        f"{limits.max_events_per_s:,} events/s",
        f"{hosts:,} hosts",
    ]
    if grant.max_jobs_per_day is not None:
        words.append(f"{grant.max_jobs_per_day:,} jobs a day")
    further = sorted(set(limits.capabilities) - {"CAP_BPF", "CAP_PERFMON"})
    if further:
        words.append(" ".join(further))
    if granted.redact:
        words.append(redaction_text(granted.redact))
    numbers = (longest_ms, limits.max_cpu_pct, limits.max_events_per_s, limits.max_map_bytes, hosts)
    jobs = grant.max_jobs_per_day if grant.max_jobs_per_day is not None else float("inf")
    return _Answer(
        permission,
        (*numbers, jobs),
        frozenset(limits.capabilities),
        frozenset(strictest(granted.redact)),
        f"{text}: {', '.join(words)}",
    )


def _direction(before: _Answer, after: _Answer) -> str:
    if before.permission != after.permission:
        return "widened" if after.permission > before.permission else "narrowed"
    pairs = list(zip(before.limits, after.limits, strict=True))
    wider = any(b > a for a, b in pairs) or bool(after.capabilities - before.capabilities)
    narrower = any(b < a for a, b in pairs) or bool(before.capabilities - after.capabilities)
    wider = wider or bool(before.hidden - after.hidden)
    narrower = narrower or bool(after.hidden - before.hidden)
    if wider and narrower:
        return "changed"
    return "widened" if wider else "narrowed"


def _grouped(changes: Mapping[tuple[str, str, str, str], Mapping[str, list[str]]]) -> Iterator[PolicyChange]:
    """Tools whose answers change alike on the same hosts, together."""
    for (direction, team, before, after), by_subject in changes.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for subject, hosts in by_subject.items():
            alike.setdefault(tuple(hosts), []).append(subject)
        for names, subjects in alike.items():
            yield PolicyChange(direction, team, tuple(subjects), names, before, after)


def _rights(old: Policy, new: Policy, teams: Iterable[str], hosts: list[Host]) -> Iterator[PolicyChange]:
    for team, owner in product(teams, repeat=2):
        if team == owner:
            continue
        before, after = bool(reading(old, [team], owner)), bool(reading(new, [team], owner))
        if before != after:
            yield _right(f"reading what team {owner} runs", team, (), before, after)
        changed = [
            (host.name, could, can)
            for host in hosts
            if (could := not isinstance(approving(old, [team], owner, [host]), Denied))
            != (can := not isinstance(approving(new, [team], owner, [host]), Denied))
        ]
        for could in (True, False):
            if names := tuple(name for name, before_, _ in changed if before_ == could):
                yield _right(f"approving what team {owner} runs", team, names, could, not could)


def _right(what: str, team: str, hosts: tuple[str, ...], before: bool, after: bool) -> PolicyChange:
    words = {True: "granted", False: "denied"}
    return PolicyChange("widened" if after else "narrowed", team, (what,), hosts, words[before], words[after])


def _teams(grants: Iterable[Grant]) -> list[str]:
    patterns = {pattern for grant in grants for pattern in (*grant.teams, *grant.reads, *grant.approves)}
    named = {_example(pattern) for pattern in patterns if pattern != "*"}
    return [*sorted(named), ANOTHER_TEAM]


def _hosts(grants: Iterable[Grant]) -> list[Host]:
    """A host for each selector, named by it, and one that has no label."""
    hosts = {"another host": imagined_host("another host", {})}
    for grant in grants:
        for host in _examples(grant.hosts):
            hosts.setdefault(host.name, host)
    return list(hosts.values())


def _examples(selector: Selector) -> Iterator[Host]:
    labels = {term.name: term.value for term in selector.labels if not term.negated}
    names = [_example(pattern) for pattern in selector.hosts] or [selector.text]
    for name in names:
        if selector.text != "all":
            yield imagined_host(name, labels)
    for term in selector.labels:
        if term.negated:
            yield imagined_host(f"{term.name}={term.value}", {**labels, term.name: term.value})


def _subjects(grants: Iterable[Grant]) -> list[_Subject]:
    binaries = sorted({_example(pattern) for grant in grants for pattern in grant.binaries})
    found = []
    for tool in builtin_tools().values():
        if any(param.name == "binary" for param in tool.params):
            named = (*binaries, "/another/binary")
            found += [_Subject(f"{tool.name} in {binary}", tool, {"binary": binary}) for binary in named]
        else:
            found.append(_Subject(tool.name, tool, usual_params(tool)))
    for name, text in ONE_LINERS.items():
        one_liner = read_one_liner(text)
        found.append(_Subject(name, one_liner.tool, {}, one_liner.facts))
    return found


def _example(pattern: str) -> str:
    """A name that a glob matches, for most globs that people write."""
    return pattern.replace("*", "x").replace("?", "x")
