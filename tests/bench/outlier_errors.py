"""How often the comparison of hosts is wrong: ``python -m tests.bench.outlier_errors [FLEETS]``.

Fleets are drawn with a fixed seed. Healthy hosts run one workload and differ by a jitter of their distribution's centre
(and of its width and tail); the faulty host is one of them with a part of its events some octaves longer. Prints the
tables of docs/reading.md, and how long a comparison of 1,000 hosts takes.
"""

import sys
import time
from random import Random

from controller.analysis.compare import compare_hosts
from fleettrace.model.job import HostPart
from tests.unit.controller.analysis.fleets import draw, drawn_fleet, healthy_shares, slowed, waits

HOSTS = (3, 4, 5, 6, 7, 8, 12, 20, 50)
JITTERS_OCTAVES = (0.0, 0.2, 0.4)
FAULTS = ((1.0, 1), (1.0, 2), (0.2, 4), (0.5, 8))
"""(part of the events, octaves longer)"""


def suspects(parts: list[HostPart]) -> list[str]:
    """The accused hosts."""
    return [found.host for found in compare_hosts(parts) if found.verdict == "suspect"]


def false_accusations_pct(random: Random, hosts: int, jitter_octaves: float, fleets: int) -> float:
    """Healthy fleets with a suspect, in percent."""
    drawn = (drawn_fleet(random, healthy_shares(random, hosts, jitter_octaves)) for _ in range(fleets))
    return 100 * sum(bool(suspects(parts)) for parts in drawn) / fleets


def named_pct(random: Random, hosts: int, fault: tuple[float, int], fleets: int) -> float:
    """Fleets with jitter 0.2 whose faulty host is the only suspect, in percent."""
    named = 0
    for _ in range(fleets):
        shares = healthy_shares(random, hosts, 0.2)
        named += suspects(drawn_fleet(random, [slowed(shares[0], *fault), *shares[1:]])) == ["h-0"]
    return 100 * named / fleets


def seconds_for(hosts: int) -> float:
    """The time to compare hosts with 64 filled buckets each."""
    random = Random(0)
    parts = [waits(f"h-{number}", draw(random, [1.0] * 64, 1000)) for number in range(hosts)]
    began = time.perf_counter()
    compare_hosts(parts)
    return time.perf_counter() - began


def main() -> None:
    """Print the tables."""
    fleets = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    random = Random(20240229)
    print(f"{fleets} fleets each; healthy fleets with a suspect, in percent, by jitter in octaves")
    print("| hosts |" + "".join(f" {jitter:g} |" for jitter in JITTERS_OCTAVES))
    for hosts in HOSTS:
        cells = [false_accusations_pct(random, hosts, jitter, fleets) for jitter in JITTERS_OCTAVES]
        print(f"| {hosts} |" + "".join(f" {cell:.1f} |" for cell in cells), flush=True)
    print("faulty fleets of jitter 0.2 whose faulty host alone is the suspect, in percent, by fault")
    print("| hosts |" + "".join(f" {part:.0%} of events {octaves} octaves longer |" for part, octaves in FAULTS))
    for hosts in HOSTS:
        cells = [named_pct(random, hosts, fault, fleets // 4) for fault in FAULTS]
        print(f"| {hosts} |" + "".join(f" {cell:.0f} |" for cell in cells), flush=True)
    print(f"1,000 hosts x 64 buckets: {seconds_for(1000):.2f} s")


if __name__ == "__main__":
    main()
