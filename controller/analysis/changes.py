"""Before and after: the same hosts in two jobs of one tool.

Each host is its own control: it is how much a host's shares have *changed* that is compared over the hosts, and not
what they are. That hosts differ from each other then disturbs no more; what remains is how much a host differs from
itself.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median

from controller.analysis.evidence import ShapeChange, category_name, change_of_shape, describe_buckets, whole_of
from controller.analysis.profiles import Profiles, apart_by_octaves
from controller.analysis.samples import Category, Sample, SampleKind, Trait, group_samples
from controller.analysis.scores import MAD_TO_SIGMA, Centre
from controller.analysis.table import Tail, tabulate
from controller.analysis.verdicts import MIN_EVENTS, MIN_HOSTS
from controller.analysis.wording import number_text, share_text
from fleettrace.model.job import HostPart
from fleettrace.snapshot.histogram import coarsest, fold

__all__ = ["Change", "compare_jobs"]

CHANGED_Z = 5.0
"""The largest of some hundred changes of a fleet in which nothing changed stays below."""
LEAST_OCTAVES = 0.05
LEAST_SHARE = 0.005
"""A change that is certain and yet smaller than this is nothing to act on."""
FEW_Z = 6.5
FEW_OCTAVES = 0.5
FEW_SHARE = 0.1
"""With fewer than 8 hosts there is no telling how much hosts usually change; then only a large change is one."""
PRIOR_FREEDOM = 4.0
MEDIAN_VARIANCE = math.pi / 2


@dataclass(frozen=True, slots=True)
class Change:
    """What has changed for the hosts of one class, taken together.

    ``hosts`` took part in both jobs with enough events. ``z`` is how sure the change of ``category`` is (positive: more
    of it afterwards), as a normal deviate; ``share_before`` and ``share_after`` are means over hosts; ``shape`` is for
    histograms; ``rate_factor`` is the median of the hosts' changes in events a second (0: not known). ``changed`` is
    the verdict; False does not mean that there is no change, but that chance explains what was seen.
    """

    trait: Trait
    hosts: tuple[str, ...]
    left_out: tuple[str, ...]
    changed: bool
    z: float
    category: Category
    share_before: float
    share_after: float
    rate_factor: float
    shape: ShapeChange | None
    evidence: str

    @property
    def host_class(self) -> str:
        """Whose change it is."""
        return self.trait.host_class

    @property
    def kind(self) -> SampleKind:
        """Of which kind of result."""
        return self.trait.kind


def compare_jobs(before: Iterable[HostPart], after: Iterable[HostPart]) -> tuple[Change, ...]:
    """A change for each class and kind of result that both jobs have, in their order.

    Hosts that are in one job only, or have fewer than 150 events in either, are left out and named. Units or kinds that
    only one of the jobs has are not compared at all.
    """
    jobs = [list(before), list(after)]
    histograms = [own for part in chain(*jobs) for own in part.part.snapshot.histograms]
    schemes = {
        unit: coarsest({own.scheme for own in histograms if own.unit == unit})
        for unit in {own.unit for own in histograms}
    }
    old, new = (group_samples([_folded(part, schemes) for part in job]) for job in jobs)
    return tuple(_change(trait, old[trait], new[trait]) for trait in sorted(old.keys() & new.keys()))


def _folded(part: HostPart, schemes: Mapping[str, str]) -> HostPart:
    snapshot = part.part.snapshot
    histograms = tuple(fold(own, schemes[own.unit]) for own in snapshot.histograms)
    return replace(part, part=replace(part.part, snapshot=replace(snapshot, histograms=histograms)))


def _change(trait: Trait, before: Sequence[Sample], after: Sequence[Sample]) -> Change:
    old = {sample.host: sample for sample in before if sample.events >= MIN_EVENTS}
    new = {sample.host: sample for sample in after if sample.events >= MIN_EVENTS}
    hosts = tuple(sorted(old.keys() & new.keys()))
    named = {sample.host for sample in chain(before, after)}
    left_out = tuple(sorted(named - set(hosts)))
    if not hosts:
        needs = f"no host has the {MIN_EVENTS} events that comparing needs in both jobs: trace longer"
        return Change(trait, (), left_out, False, 0.0, None, 0.0, 0.0, 0.0, None, needs)
    was, now = [old[host] for host in hosts], [new[host] for host in hosts]
    z, category = _largest_change(was, now)
    shape = None
    if trait.kind is SampleKind.HISTOGRAM:
        shape = change_of_shape(
            trait.scheme, _mean_buckets(now), _mean_buckets(was), round(sum(own.total for own in now) / len(now))
        )
        size = shape.gap.size
    else:
        size = max(
            (abs(_mean_share(now, item) - _mean_share(was, item)) for item in _categories(was, now)), default=0.0
        )
    few = len(hosts) < MIN_HOSTS
    least = (FEW_OCTAVES if few else LEAST_OCTAVES) if shape else (FEW_SHARE if few else LEAST_SHARE)
    changed = abs(z) >= (FEW_Z if few else CHANGED_Z) and size >= least
    share_before, share_after = (_mean_share(own, category) for own in (was, now))
    evidence = _describe(
        trait=trait,
        shape=shape,
        category=category,
        before=share_before,
        after=share_after,
        hosts=len(hosts),
        changed=changed,
    )
    return Change(
        trait,
        hosts,
        left_out,
        changed,
        z,
        category,
        share_before,
        share_after,
        _rate_factor(was, now),
        shape,
        evidence,
    )


def _largest_change(was: Sequence[Sample], now: Sequence[Sample]) -> tuple[float, Category]:
    """The surest change and its category; of equals the first by name.

    Of a few hosts it is judged by what sampling would explain, of more by how differently they changed, too.
    """
    table = tabulate([*was, *now])
    hosts = len(was)
    sampling = [1 / (4 * one.events) + 1 / (4 * other.events) for one, other in zip(was, now, strict=True)]
    typical = sum(sampling) / hosts
    differences: dict[Category, list[float]] = {
        category: [new - old for old, new in zip(column[:hosts], column[hosts:], strict=True)]
        for category, column in zip(table.categories, table.rows.T.tolist(), strict=True)
    }
    for category, cells in table.sparse.items():
        own = [0.0] * hosts
        for place, root in cells:
            own[place % hosts] += root if place >= hosts else -root
        differences[category] = own
    spreads = {category: _variance(own) for category, own in differences.items()}
    usual = median(variance for category, variance in spreads.items()) if hosts >= MIN_HOSTS else 0.0
    best: tuple[float, Category] = (0.0, None)
    for category, own in differences.items():
        middle = sum(own) / hosts if hosts < 3 else median(own)
        variance = typical
        if hosts >= MIN_HOSTS:
            shrunk = ((hosts - 1) * spreads[category] + PRIOR_FREEDOM * usual) / (hosts - 1 + PRIOR_FREEDOM)
            variance = max(shrunk, typical)
        # The variance of a median is pi/2 times that of a mean.
        scale = MEDIAN_VARIANCE / hosts if hosts >= 3 else 1 / hosts
        centre = Centre(0.0, variance * scale, typical * scale, 0.4 * (hosts - 1) + PRIOR_FREEDOM)
        z = centre.deviate(middle, 0.0)
        if abs(z) > abs(best[0]) or (abs(z) == abs(best[0]) and repr(category) < repr(best[1])):
            best = (z, category)
    return best


def _variance(values: Sequence[float]) -> float:
    centre = median(values)
    return (MAD_TO_SIGMA * median([abs(value - centre) for value in values])) ** 2


def _categories(was: Sequence[Sample], now: Sequence[Sample]) -> set[Category]:
    return {category for sample in chain(was, now) for category in sample.weights}


def _mean_share(samples: Sequence[Sample], category: Category) -> float:
    if isinstance(category, Tail):
        below = category.side == "below"
        return sum(
            sum(count for index, count in sample.buckets.items() if (index < category.bucket) == below) / sample.total
            for sample in samples
        ) / len(samples)
    return sum(sample.share(category) for sample in samples) / len(samples)


def _mean_buckets(samples: Sequence[Sample]) -> dict[int, float]:
    return Profiles([(sample.buckets, sample.total) for sample in samples], apart_by_octaves).typical_without()


def _rate_factor(was: Sequence[Sample], now: Sequence[Sample]) -> float:
    factors = [
        (new.total / new.window_s) / (old.total / old.window_s)
        for old, new in zip(was, now, strict=True)
        if old.window_s > 0 and new.window_s > 0
    ]
    return median(factors) if factors else 0.0


def _describe(
    *,
    trait: Trait,
    shape: ShapeChange | None,
    category: Category,
    before: float,
    after: float,
    hosts: int,
    changed: bool,
) -> str:
    on = f" on {number_text(hosts, 'host')}"
    if shape is not None:
        told = describe_buckets(trait, shape, "before") + on
    elif category is None:
        told = f"like before{on}"
    else:
        shares = f"{share_text(after)} of its {whole_of(trait.unit)} against {share_text(before)} before"
        told = f"{category_name(category)}: {shares}{on}"
    if changed:
        return told
    few = f"; with fewer than {MIN_HOSTS} hosts only a large change is told from chance" if hosts < MIN_HOSTS else ""
    return f"{told} (no more than chance explains{few})"
