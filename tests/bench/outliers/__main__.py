"""``python -m tests.bench.outliers [SEED[,SEED...]] [SCALE] [--ours]``: print the figures of docs/reading.md."""

import math
import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from random import Random

from controller.analysis.compare import Finding, compare_parts
from controller.analysis.verdicts import MIN_EVENTS, MIN_HOSTS
from fleettrace.snapshot import Snapshot
from tests.bench.outliers.captures import read_captures
from tests.bench.outliers.fleet import Fleet, of_buckets
from tests.bench.outliers.goal import print_goal
from tests.bench.outliers.metrics import Answer, figures, threshold_for
from tests.bench.outliers.real import real_fleets
from tests.bench.outliers.rivals import FOR_BUCKETS, FOR_ITEMS, USUAL_THRESHOLDS, matrix
from tests.bench.outliers.stacks import stack_fleets
from tests.bench.outliers.synthetic import synthetic_fleets

OURS = "ours"
RATE = re.compile(r"[0-9.,]+ times the events")
BUCKETS, ITEMS = "histograms", "keys and stacks"


def corpus(seed: int, scale: float) -> Iterator[Fleet]:
    """All fleets."""
    captures = read_captures()
    yield from synthetic_fleets(seed, scale)
    yield from real_fleets(seed, captures, scale)
    yield from stack_fleets(seed, captures, scale)


def weights(snapshot: Snapshot) -> dict[object, int]:
    """What rivals compare: counts by bucket, key or frame."""
    if snapshot.histograms:
        return dict(snapshot.histograms[0].counts)
    found: dict[object, int] = defaultdict(int)
    for stack in snapshot.stacks:
        for frame in set(stack.frames[1:]):
            found[frame] += stack.value
    for count in snapshot.counts:
        found[count.key] += count.count
    return dict(found)


def rivals_answer(fleet: Fleet, method: Callable[[object], Iterable[float]]) -> Answer:
    """A rival's scores, within classes and under the same gates as ours."""
    classes: dict[str, list[tuple[str, dict[object, int]]]] = defaultdict(list)
    for item in fleet.parts:
        counts = weights(item.part.snapshot)
        if item.part.snapshot.total >= MIN_EVENTS:
            classes[item.host_class].append((item.part.run.host, counts))
    ranked: list[tuple[str, float]] = []
    for members in classes.values():
        if len(members) >= MIN_HOSTS:
            scores = method(matrix([counts for _, counts in members]))
            ranked += [(host, float(score)) for (host, _), score in zip(members, scores, strict=True)]
    return Answer(tuple(sorted(ranked, key=lambda pair: (-pair[1], pair[0]))), expected(fleet))


def expected(fleet: Fleet) -> frozenset[str]:
    """Whom to accuse of an odd shape: a host that only has more events is like the others."""
    return frozenset() if fleet.fault == "rate" else fleet.odd


def our_answer(fleet: Fleet) -> tuple[Answer, bool]:
    """Ours, with 1 for the accused and 0 for the others, and whether the evidence named the right item."""
    found = compare_parts(fleet.parts)
    # Who has an odd rate is said beside whose shape is odd; here it is shapes that are asked for.
    shapes = [other for other in found if fleet.fault == "rate" or not RATE.match(other.evidence)]
    ranked = tuple((other.host, float(other.verdict.named and not RATE.match(other.evidence))) for other in shapes)
    named = bool(found) and found[0].host in fleet.odd
    named = named and any(found[0].evidence.startswith((f"{item}:", f"{item} itself:")) for item in fleet.items)
    return Answer(ranked, expected(fleet)), named


def table(title: str, rows: Sequence[tuple[str, Sequence[Answer], float]]) -> None:
    """Print one."""
    faulty = sum(bool(answer.right) for answer in rows[0][1])
    print(f"\n{title} ({faulty} faulty and {len(rows[0][1]) - faulty} healthy fleets)\n")
    print("| method | top-1 | precision | recall | false accusations per 100 healthy fleets |\n|---|---|---|---|---|")
    for name, answers, threshold in rows:
        told = figures(answers, threshold)
        print(
            f"| {name} | {told.top1:.1f} | {told.precision:.1f} | {told.recall:.1f} | {told.false_per_100:.2f} |",
            flush=True,
        )


def cells(title: str, pairs: Iterable[tuple[object, Answer]]) -> None:
    """Print top-1 and recall of ours by something."""
    groups: dict[object, list[Answer]] = defaultdict(list)
    for label, answer in pairs:
        groups[label].append(answer)
    print(f"\n{title}\n\n| | fleets | top-1 | recall |\n|---|---|---|---|")
    for label in sorted(groups, key=str):
        told = figures(groups[label], 1.0)
        print(f"| {label} | {len(groups[label])} | {told.top1:.1f} | {told.recall:.1f} |")


def _size(fleet: Fleet) -> str:
    mean = fleet.octaves * fleet.part_of_events
    low = max(edge for edge in (0.0, 0.1, 0.3, 1.0, 2.0) if edge <= mean)
    return f"from {low}"


def odd_rates(fleet: Fleet) -> list[Finding]:
    """Who is named for the rate of events."""
    found = compare_parts(fleet.parts)
    return [other for other in found if other.verdict.named and RATE.match(other.evidence)]


def main() -> None:
    """Run everything."""
    numbers = [word for word in sys.argv[1:] if word != "--ours"]
    seeds = [*map(int, numbers[0].split(","))] if numbers else [1]
    scale = float(numbers[1]) if len(numbers) > 1 else 1.0
    with_rivals = "--ours" not in sys.argv
    answers: dict[tuple[str, str, str], list[Answer]] = defaultdict(list)
    told: list[tuple[Fleet, Answer, bool]] = []
    by_fleet: list[tuple[Fleet, dict[str, Answer]]] = []
    seconds = 0.0
    for fleet in chain.from_iterable(corpus(seed, scale) for seed in seeds):
        kind = BUCKETS if any(item.part.snapshot.histograms for item in fleet.parts) else ITEMS
        began = time.perf_counter()
        answer, named = our_answer(fleet)
        seconds += time.perf_counter() - began
        answers[fleet.source, kind, OURS].append(answer)
        told.append((fleet, answer, named))
        by_fleet.append((fleet, {OURS: answer}))
        if with_rivals:
            for name, method in (FOR_BUCKETS if kind == BUCKETS else FOR_ITEMS).items():
                rival = by_fleet[-1][1][name] = rivals_answer(fleet, method)
                answers[fleet.source, kind, name].append(rival)
    print(f"{len(told)} fleets, seeds {seeds}; ours took {seconds:.1f} s")
    print_goal(by_fleet)
    for source in ("synthetic", "real"):
        for kind in (BUCKETS, ITEMS):
            if not answers[source, kind, OURS]:
                continue
            rows = [(OURS, answers[source, kind, OURS], 1.0)]
            for (own_source, own_kind, name), own in answers.items():
                if (own_source, own_kind) == (source, kind) and name != OURS:
                    rows.append((f"{name}, usual threshold", own, USUAL_THRESHOLDS[name]))
                    rows.append((f"{name}, tuned to 1 false per 100", own, threshold_for(own)))
            table(f"{source} {kind}", rows)
    shifts = [(fleet, answer) for fleet, answer, _ in told if fleet.fault == "shift"]
    cells("ours, shifts by octaves", ((f"{f.octaves}", a) for f, a in shifts))
    cells("ours, shifts by part of the events", ((f"{f.part_of_events:4.0%}", a) for f, a in shifts))
    cells("ours, shifts by jitter of healthy hosts in octaves", ((f"{f.jitter}", a) for f, a in shifts))
    cells("ours, shifts by mean shift in octaves", ((_size(f), a) for f, a in shifts))
    cells("ours, shifts by events a host", ((f"from {10 ** (len(str(f.events)) - 1):>7,}", a) for f, a in shifts))
    cells("ours, shifts by hosts", ((f"{f.hosts:3}", a) for f, a in shifts))
    cells("ours, shifts by family", ((f.family, a) for f, a in shifts))
    cells("ours, real faults", ((f"{f.family}: {f.fault}", a) for f, a, _ in told if f.source == "real" and f.fault))
    faults = [(fleet, answer) for fleet, answer, _ in told if fleet.fault and fleet.fault != "rate"]
    cells("ours, by fault", ((f"{f.source} {f.fault}", a) for f, a in faults))
    rates = [fleet for fleet, _, _ in told if fleet.fault == "rate"]
    named_rates = [fleet for fleet in rates if {other.host for other in odd_rates(fleet)} == fleet.odd]
    print(f"\nof {len(rates)} fleets with an odd rate, {len(named_rates)} have their host and no other named for it")
    false_rates = sum(len(odd_rates(fleet)) for fleet, _, _ in told if not fleet.odd)
    healthy = sum(not fleet.odd for fleet, _, _ in told)
    print(f"of {healthy} healthy fleets, {false_rates} hosts are named for their rate")
    print("\nfalse accusations by family of healthy fleets\n")
    groups: dict[str, list[Answer]] = defaultdict(list)
    for fleet, answer, _ in told:
        if not answer.right:
            groups[f"{fleet.source} {fleet.family} {fleet.fault}"].append(answer)
    for label, own in sorted(groups.items()):
        print(f"| {label} | {len(own)} | {figures(own, 1.0).false_per_100:.1f} |")
    frames = [(fleet, named) for fleet, _, named in told if fleet.fault == "frame +1%"]
    print("\nframes with +1% on 1 of 40 hosts, named with their host, in percent\n")
    share_table("usual share of the frame", frames, (0.0, 0.003, 0.01, 0.03, 0.1), lambda fleet: fleet.part_of_events)
    share_table("samples a host", frames, (0.0, 10_000, 30_000), lambda fleet: fleet.events)
    print("\nframes that usually have at most 10%, by samples a host\n")
    small = [pair for pair in frames if pair[0].part_of_events <= 0.1]
    share_table("samples a host", small, (0.0, 10_000, 30_000), lambda fleet: fleet.events)
    print(f"\n10,000 hosts x 64 buckets: {seconds_for(10_000):.2f} s of CPU time")


def share_table(
    title: str, pairs: Sequence[tuple[Fleet, bool]], edges: Sequence[float], value: Callable[[Fleet], float]
) -> None:
    """Print how many of some fleets are right, by what lies between edges."""
    print(f"| {title} | fleets | named |\n|---|---|---|")
    for low, high in pairwise([*edges, math.inf]):
        own = [named for fleet, named in pairs if low <= value(fleet) < high]
        if own:
            print(f"| from {low:g} | {len(own)} | {100 * sum(own) / len(own):.1f} |")
    print(f"| all | {len(pairs)} | {100 * sum(named for _, named in pairs) / max(len(pairs), 1):.1f} |")


def seconds_for(hosts: int) -> float:
    """CPU time to compare so many hosts with 64 filled buckets each."""
    random = Random(0)
    parts = [of_buckets(f"h-{place}", {index: random.randint(1, 99) for index in range(64)}) for place in range(hosts)]
    began = time.process_time()
    compare_parts(parts)
    return time.process_time() - began


if __name__ == "__main__":
    main()
