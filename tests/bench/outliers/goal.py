"""The goal's fleets, apart: those with a shift of 2x or more in 5% of the events or more.

Every faulty fleet that fulfils the condition is in the first line. The lines below divide these, by what an oracle
could be expected to tell *before* anything was measured, and never by what a method found.
"""

from collections import defaultdict
from collections.abc import Sequence

from controller.analysis.verdicts import MIN_EVENTS, MIN_HOSTS
from tests.bench.outliers.fleet import Fleet
from tests.bench.outliers.metrics import Answer, figures
from tests.bench.outliers.oracle import Oracle

__all__ = ["in_goal", "print_goal"]

LEAST_PART = 0.05
ATTAINABLE = 0.95
"""A fleet is attainable when the oracle puts the odd host first with this probability, the goal's."""


def in_goal(fleet: Fleet) -> bool:
    """Whether the goal speaks of a fleet: the shift and the gates."""
    if not fleet.fault or fleet.part_of_events < LEAST_PART:
        return False
    if fleet.source == "synthetic" and not (fleet.fault == "shift" and fleet.octaves >= 1):
        return False
    classes: dict[str, int] = defaultdict(int)
    for item in fleet.parts:
        classes[item.host_class] += item.part.snapshot.total >= MIN_EVENTS
    return all(
        classes[item.host_class] >= MIN_HOSTS and item.part.snapshot.total >= MIN_EVENTS
        for item in fleet.parts
        if item.part.run.host in fleet.odd
    )


def _label(oracle: Oracle) -> str:
    if oracle.chance >= ATTAINABLE:
        return "of these: attainable"
    if oracle.chance_with_more_events >= ATTAINABLE:
        return "of these: too few events even for the oracle"
    return "of these: healthy hosts differ as much as the odd one, even for the oracle"


def print_goal(told: Sequence[tuple[Fleet, dict[str, Answer]]]) -> None:
    """Print top-1 of each method, in percent."""
    groups: dict[str, list[dict[str, Answer]]] = defaultdict(list)
    for fleet, answers in told:
        if not in_goal(fleet):
            continue
        if fleet.source == "real":
            groups["real, where the measured shift is 2x or more in 5% or more"].append(answers)
            continue
        oracle = Oracle(fleet)
        with_oracle = {**answers, "blind oracle": oracle.blind_answer(), "oracle": oracle.answer()}
        groups["synthetic, all with 2x or more in 5% or more"].append(with_oracle)
        groups[_label(oracle)].append(with_oracle)
    names = [*next(iter(groups.values()))[0]]
    print("\ntop-1 where the goal's condition holds (goal: 95)\n")
    print(f"| | fleets | {' | '.join(names)} |\n|---|{'---|' * (len(names) + 1)}")
    for label in sorted(groups, key=lambda text: (text.startswith("real"), not text.startswith("synthetic"), text)):
        own = groups[label]
        cells = [f"{figures([each[name] for each in own], 0).top1:.1f}" if name in own[0] else "" for name in names]
        print(f"| {label} | {len(own)} | {' | '.join(cells)} |", flush=True)
