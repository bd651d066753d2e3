"""Hosts on which something goes on opening more than it closes, while on most others it does not."""

from collections.abc import Iterable, Sequence

from controller.analysis.balance import Balance, balances
from controller.analysis.compare import Finding
from controller.analysis.verdicts import Verdict
from controller.analysis.wording import number_text
from fleettrace.model.job import HostPart
from fleettrace.snapshot import Key, key_text

__all__ = ["add_leaking_hosts"]

MIN_HOSTS = 3
"""Of two hosts, the one does not tell whether the other is as it should be."""


def add_leaking_hosts(found: Sequence[Finding], parts: Iterable[HostPart]) -> tuple[Finding, ...]:
    """The hosts that leak, and then those that were found otherwise, where they are no others.

    A host's score is how many times what its balance strays from a straight line it has risen.
    """
    leaking = _leaking_hosts({part.part.run.host: balances(part.part.snapshot.counts) for part in parts})
    named = {finding.host for finding in leaking}
    return (*leaking, *(finding for finding in found if finding.host not in named))


def _leaking_hosts(series: dict[str, tuple[Balance, ...]]) -> tuple[Finding, ...]:
    if len(series) < MIN_HOSTS:
        return ()
    growing: dict[Key, dict[str, Balance]] = {}
    for host, own in series.items():
        for one in own:
            if one.grows:
                growing.setdefault(one.key, {})[host] = one
    worst: dict[str, tuple[Balance, Finding]] = {}
    for key, on_hosts in growing.items():
        if 2 * len(on_hosts) >= len(series):
            continue  # it is so nearly everywhere, as a reading says
        for host, one in on_hosts.items():
            evidence = _evidence(key, one, len(series) - len(on_hosts))
            finding = Finding(host, Verdict.SUSPECT, one.rise_spreads, evidence)
            if host not in worst or one.kept_share > worst[host][0].kept_share:
                worst[host] = one, finding
    found = [finding for _, finding in worst.values()]
    return tuple(sorted(found, key=lambda finding: (-finding.score, finding.host)))


def _evidence(key: Key, one: Balance, others: int) -> str:
    return (
        f"{key_text(key) or '(no key)'} opens {one.per_s:.1f} more than it closes each second ({one.opened:,} opened, "
        f"{one.closed:,} closed), and on {number_text(others, 'other host')} it does not"
    )
