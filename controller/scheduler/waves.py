"""Who goes first, and who follows when."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import ceil

from fleettrace.errors import BadInput
from fleettrace.model.host import Host

__all__ = ["CANARY_LABEL", "choose_canaries", "classes_of", "plan_waves"]

CANARY_LABEL = "canary"
"""Hosts with this label set to ``true`` are preferred as canaries."""


def classes_of(hosts: Iterable[Host], labels: Iterable[str] = ()) -> dict[str, str]:
    """The class of each host by name: what decides its cost, and the values of these labels, which others may lack."""
    names = tuple(labels)
    return {
        host.name: "/".join((host.host_class, *(f"{name}={host.labels.get(name, '')}" for name in names)))
        for host in hosts
    }


def choose_canaries(hosts: Sequence[Host], classes: Mapping[str, str], preferred: str = "") -> dict[str, str]:
    """One canary for each class of the hosts: ``{host class: host name}``; ``classes``: see :func:`classes_of`.

    In the class of the ``preferred`` host it is that one; elsewhere a host labelled ``canary=true``, else the
    first by name, so that the same question asks the same host again.

    Raises:
        BadInput: ``preferred`` is not among the hosts.
    """
    by_name = {host.name: host for host in hosts}
    if preferred and preferred not in by_name:
        raise BadInput(f"the canary {preferred!r} is not among the connected hosts that the selector matches")
    canaries: dict[str, str] = {}
    for host in sorted(hosts, key=lambda host: (host.labels.get(CANARY_LABEL) != "true", host.name)):
        canaries.setdefault(classes[host.name], host.name)
    if preferred:
        canaries[classes[preferred]] = preferred
    return dict(sorted(canaries.items()))


def plan_waves(
    classes: Mapping[str, str],
    canaries: Sequence[str],
    fractions: Sequence[float],
    domains: Mapping[str, str] | None = None,
) -> tuple[tuple[str, ...], ...]:
    """The waves over ``classes`` (host -> class): the canaries first, then cumulative fractions of all hosts.

    Each host is in exactly one wave, a wave is never empty, and the last one completes the fleet whatever the
    fractions say. Classes take turns in proportion to their size, so that a wave holds as much of each as its size
    allows; within a class, failure domains do (``domains``: host -> domain): what goes wrong in a wave takes no
    domain's hosts alone.
    """
    waves = [tuple(sorted(set(canaries) & set(classes)))]
    rest = _spread({host: of for host, of in classes.items() if host not in waves[0]}, domains or {})
    done = len(waves[0])
    for fraction in (*fractions, 1.0):
        size = min(ceil(fraction * len(classes)) - done, len(rest))
        if size > 0:
            waves.append(tuple(sorted(rest[:size])))
            rest, done = rest[size:], done + size
    return tuple(wave for wave in waves if wave)


def _spread(classes: Mapping[str, str], domains: Mapping[str, str]) -> list[str]:
    """Hosts ordered so that every prefix holds an even share of each class, and in it of each domain."""
    by_domain = _taking_turns(sorted(classes), {host: (classes[host], domains.get(host, "")) for host in classes})
    return _taking_turns(by_domain, classes)


def _taking_turns(hosts: Sequence[str], group_of: Mapping[str, Hashable]) -> list[str]:
    """The hosts, each group in the order given, so that every prefix holds an even share of each group."""
    members: dict[Hashable, list[str]] = {}
    for host in hosts:
        members.setdefault(group_of[host], []).append(host)
    positions = [((index + 0.5) / len(group), host) for group in members.values() for index, host in enumerate(group)]
    return [host for _, host in sorted(positions)]
