"""What grants allow besides running: reading other teams' results, approving their jobs, seeing hosts."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from controller.policy.model import Policy
from controller.policy.request import Denied, team_text
from controller.policy.wording import named_hosts
from fleettrace.model.host import Host

__all__ = ["approving", "may_see_host", "reading"]


def reading(policy: Policy, teams: Iterable[str], owner: str) -> str:
    """The rule by which one of these teams may see what a team has run; empty: none."""
    own = tuple(teams)
    if owner in own:
        return "own team"
    for grant in policy.grants:
        if _lists(grant.reads, owner) and any(map(grant.names_team, own)):
            return f'grant "{grant.name}".reads'
    return ""


def approving(policy: Policy, teams: Iterable[str], owner: str, hosts: Sequence[Host]) -> str | Denied:
    """The rule by which one of these teams may approve a job of a team on these hosts, or why it may not."""
    own = tuple(teams)
    able = [grant for grant in policy.grants if _lists(grant.approves, owner) and any(map(grant.names_team, own))]
    for grant in able:
        if all(map(grant.covers_host, hosts)):
            return f'grant "{grant.name}".approves'
    named = " or ".join(map(team_text, own)) or team_text("")
    if able:
        nearest = able[0]
        outside = [host.name for host in hosts if not nearest.covers_host(host)]
        return Denied(
            f'grant "{nearest.name}".hosts',
            f'grant "{nearest.name}" lets team {named} approve jobs on {nearest.hosts.text}, and '
            f"{named_hosts(outside)} is outside: have somebody approve it who may for all of its hosts",
            policy.who_can_give(nearest),
        )
    return Denied(
        "no grant",
        f"no grant of {policy.origin} lets team {named} approve jobs of team {team_text(owner)}: it takes one with "
        f'approves = ["{owner}"]; ask {policy.who_can_give()}',
        policy.who_can_give(),
    )


def may_see_host(policy: Policy, teams: Iterable[str], host: Host) -> bool:
    """Whether a grant for one of these teams, whatever it allows, is for this host."""
    own = tuple(teams)
    return any(grant.covers_host(host) and any(map(grant.names_team, own)) for grant in policy.grants)


def _lists(patterns: Sequence[str], team: str) -> bool:
    return any(fnmatchcase(team, pattern) for pattern in patterns)
