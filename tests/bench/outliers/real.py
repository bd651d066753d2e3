"""Fleets of real windows: the eight hosts of one round, all healthy or one of them with a real fault.

In a healthy fleet of a round with a fault, a second window of a healthy host takes the odd one's place. Every window is
resampled with as many events as it had (a bootstrap), so that no two fleets are alike.
"""

from collections import defaultdict
from collections.abc import Iterator
from random import Random

from fleettrace.model.job import HostPart
from tests.bench.outliers.captures import Capture
from tests.bench.outliers.draws import multinomial
from tests.bench.outliers.fleet import Fleet, of_buckets, of_keys, of_stacks

MIN_EVENTS = 150

UNSEEN = {
    ("pipes", "syscount", "quota"),
    ("pipes", "syscount", "more work"),
    ("workers", "syscount", "quota"),
    ("pipes", "profile", "quota"),
    ("workers", "profile", "quota"),
}
"""A quota changes neither which calls are made nor where the time on the CPU goes, nor does more work change the
calls."""

Round = tuple[str, str, int]
"""Service, tool and number."""


def resampled(random: Random, capture: Capture, host: str) -> HostPart:
    """One host."""
    snapshot = capture.snapshot
    total = snapshot.total
    if snapshot.histograms:
        return of_buckets(host, multinomial(random, total, dict(snapshot.histograms[0].counts)))
    if snapshot.stacks:
        return of_stacks(host, multinomial(random, total, {stack.frames: stack.value for stack in snapshot.stacks}))
    calls = {" ".join(value for _, value in count.key): count.count for count in snapshot.counts}
    return of_keys(host, multinomial(random, total, calls))


def real_fleets(seed: int, captures: list[Capture], scale: float = 1.0) -> Iterator[Fleet]:
    """300 healthy and 300 faulty ones (times ``scale``), evenly over the rounds."""
    rounds: dict[Round, list[Capture]] = defaultdict(list)
    for capture in captures:
        if capture.snapshot.total >= MIN_EVENTS:
            rounds[capture.service, capture.tool, capture.number].append(capture)
    healthy, faulty = [], []
    for (_, tool, _), windows in sorted(rounds.items()):
        odd = [window for window in windows if window.fault]
        usual = [window for window in windows if not window.fault]
        if len(usual) >= len(windows) - 1 >= 7:
            healthy.append(usual)
            if odd and (odd[0].service, tool, odd[0].fault) not in UNSEEN:
                faulty.append([*usual, *odd])
    for kind, fleets in (("healthy", healthy), ("faulty", faulty)):
        for number in range(round(300 * scale)):
            yield _fleet(Random(f"{seed} real {kind} {number}"), fleets[number % len(fleets)])


def _fleet(random: Random, windows: list[Capture]) -> Fleet:
    chosen = windows if len(windows) == 8 else [*windows, random.choice(windows)]
    random.shuffle(chosen := list(chosen))
    parts = tuple(resampled(random, window, f"h-{place}") for place, window in enumerate(chosen))
    typical = sorted(item.part.snapshot.total for item in parts)[len(parts) // 2]
    odd = {f"h-{place}": window.fault for place, window in enumerate(chosen) if window.fault}
    family = f"{chosen[0].service} {chosen[0].tool}"
    part = moved_part(chosen) if odd else 0.0
    return Fleet("real", family, "".join(odd.values()), parts, frozenset(odd), events=typical, part_of_events=part)


def moved_part(windows: list[Capture]) -> float:
    """Which part of the odd window's events is moved by an octave or more, as was measured: quantile by quantile
    against the mean of the healthy windows' shares, interpolated within buckets; 0 where there are no histograms.
    """
    if not windows[0].snapshot.histograms:
        return 0.0
    odd, usual = ([w.snapshot.histograms[0].counts for w in windows if bool(w.fault) == faulty] for faulty in (1, 0))
    ours, theirs = _shares(odd), _shares(usual)
    moved = [abs(_quantile(ours, step / 1000) - _quantile(theirs, step / 1000)) >= 1 for step in range(1, 1000)]
    return sum(moved) / len(moved)


def _shares(counts: list[tuple[tuple[int, int], ...]]) -> dict[int, float]:
    shares: dict[int, float] = defaultdict(float)
    for own in counts:
        total = sum(count for _, count in own)
        for index, count in own:
            shares[index] += count / total / len(counts)
    return shares


def _quantile(shares: dict[int, float], q: float) -> float:
    """In octaves."""
    below = 0.0
    for index in sorted(shares):
        if below + shares[index] >= q:
            return index + (q - below) / shares[index]
        below += shares[index]
    return max(shares) + 1.0
