"""Fleets of stacks: a call tree of one service on 40 hosts, one of which spends 1% more of its time in one function.

Half of the trees are drawn; the other half have the shape of a profile that was recorded. The function's cost is its
own (a callee nobody else has would be easy): samples whose innermost frame it is, or all stacks through it in
proportion. A host is scattered by a log-normal factor on each stack.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from random import Random

from tests.bench.outliers.captures import Capture
from tests.bench.outliers.draws import log_uniform, multinomial, scattered
from tests.bench.outliers.fleet import Fleet, of_stacks

HOSTS = 40
ADDED_SHARE = 0.01
LEAST_SAMPLES, MOST_SAMPLES = 5_000, 100_000
SIGMAS = (0.0, 0.05, 0.1)
MOST_BASE_SHARE = 0.2
LEAST_BASE_SHARE = 0.0005

Frames = tuple[str, ...]


def drawn_tree(random: Random) -> dict[Frames, float]:
    """Shares of some hundred stacks; a function has a few callers."""
    functions = [f"fn{number}" for number in range(random.randint(60, 300))]
    callees = {name: random.sample(functions, random.randint(1, 4)) for name in functions}
    stacks: dict[Frames, float] = defaultdict(float)
    for _ in range(random.randint(150, 600)):
        frames = ["svc", "main", *random.sample(functions[:6], 1)]
        while len(frames) < 40 and random.random() < 0.85:
            frames.append(random.choice(callees[frames[-1]]))
        stacks[tuple(frames)] += random.paretovariate(1.2)
    total = sum(stacks.values())
    return {frames: share / total for frames, share in stacks.items()}


def recorded_tree(captures: list[Capture], service: str) -> dict[Frames, float]:
    """The profile of all healthy windows of a service together."""
    stacks: dict[Frames, float] = defaultdict(float)
    for capture in captures:
        if capture.tool == "profile" and capture.service == service and not capture.fault:
            for stack in capture.snapshot.stacks:
                stacks[stack.frames] += stack.value
    total = sum(stacks.values())
    return {frames: share / total for frames, share in stacks.items()}


def inclusive(shares: Mapping[Frames, float]) -> dict[str, float]:
    """Shares by function, the process' name left out."""
    found: dict[str, float] = defaultdict(float)
    for frames, share in shares.items():
        for frame in set(frames[1:]):
            found[frame] += share
    return found


def costlier(random: Random, shares: Mapping[Frames, float], frame: str) -> dict[Frames, float]:
    """The frame with so much more of the whole; everything else in proportion."""
    through = {frames: share for frames, share in shares.items() if frame in frames[1:]}
    base = sum(through.values())
    if random.random() < 0.5:
        own = {frames[: frames.index(frame, 1) + 1]: 0.0 for frames in through}
        for frames, share in through.items():
            own[frames[: frames.index(frame, 1) + 1]] += share
        added = {frames: ADDED_SHARE * share / base for frames, share in own.items()}
    else:
        added = {frames: ADDED_SHARE * share / base for frames, share in through.items()}
    rest = (1 - base - ADDED_SHARE) / (1 - base)
    result = {frames: share if frames in through else share * rest for frames, share in shares.items()}
    for frames, share in added.items():
        result[frames] = result.get(frames, 0.0) + share
    return result


def stack_fleet(random: Random, tree: Mapping[Frames, float], family: str, faulty: bool) -> Fleet:
    """40 hosts."""
    sigma = random.choice(SIGMAS)
    typical = log_uniform(random, LEAST_SAMPLES, MOST_SAMPLES)
    odd = random.randrange(HOSTS) if faulty else -1
    shares = inclusive(tree)
    candidates = sorted(name for name, share in shares.items() if LEAST_BASE_SHARE <= share <= MOST_BASE_SHARE)
    # Few drawn trees have no such frame: then one that is smaller.
    frame = random.choice(candidates or sorted(name for name, share in shares.items() if share <= MOST_BASE_SHARE))
    items = frozenset[str]()
    parts = []
    for place in range(HOSTS):
        own: Mapping[Frames, float] = scattered(random, tree, sigma) if sigma else tree
        if place == odd:
            faulted = costlier(random, own, frame)
            items = _names_of(own, faulted, frame)
            own = faulted
        events = int(typical * random.uniform(0.7, 1.4))
        parts.append(of_stacks(f"h-{place}", multinomial(random, events, own)))
    if not faulty:
        return Fleet("synthetic", family, "", tuple(parts), events=int(typical))
    odd_hosts = frozenset({f"h-{odd}"})
    base = shares[frame]
    return Fleet("synthetic", family, "frame +1%", tuple(parts), odd_hosts, items, int(typical), 0, base, sigma)


def _names_of(before: Mapping[Frames, float], after: Mapping[Frames, float], frame: str) -> frozenset[str]:
    """The frame, and frames that are as good as it: on much the same stacks, with most of the change.

    A callee that keeps 80% of the z is told instead of its caller; z goes with the root, so that it has 0.8^2 of the
    change.
    """
    was, now = inclusive(before), inclusive(after)
    names = {frame}
    for other in now:
        share_alike = 0.64 * now[frame] <= now[other] <= 1.25 * now[frame]
        if share_alike and now[other] - was.get(other, 0.0) >= 0.64 * ADDED_SHARE:
            names.add(other)
    return frozenset(names)


def stack_fleets(seed: int, captures: list[Capture], scale: float = 1.0) -> Iterator[Fleet]:
    """200 with a fault and 100 without (times ``scale``)."""
    services = sorted({capture.service for capture in captures if capture.tool == "profile"})
    recorded = [recorded_tree(captures, service) for service in services]
    for number in range(round(300 * scale)):
        random = Random(f"{seed} stacks {number}")
        if number % 2 or not recorded:
            tree, family = drawn_tree(random), "drawn stacks"
        else:
            tree, family = recorded[number // 2 % len(recorded)], "recorded stacks"
        yield stack_fleet(random, tree, family, number % 3 > 0)
