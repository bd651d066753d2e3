"""Which builds of a binary the hosts of a job have: one result may speak of several."""

from collections import defaultdict
from collections.abc import Iterable

from fleettrace.model.job import HostPart
from fleettrace.model.run import RunOutcome

__all__ = ["builds_of"]


def builds_of(hosts: Iterable[HostPart]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(build id, hosts) of the parts that measured something, the most frequent build first; none without a binary."""
    by_build: defaultdict[str, set[str]] = defaultdict(set)
    for host in hosts:
        if host.part.build_id and host.part.outcome is not RunOutcome.FAILED:
            by_build[host.part.build_id].add(host.part.run.host)
    ranked = sorted(by_build.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple((build, tuple(sorted(names))) for build, names in ranked)
