"""What a run measured."""

from hypothesis import strategies as st

from fleettrace.snapshot import LOG2, Count, Event, Histogram, Snapshot, Stack
from tests.unit.fleettrace.strategies.basics import names, numbers, texts

keys = st.dictionaries(names, texts, max_size=3).map(lambda pairs: tuple(pairs.items()))
buckets = st.dictionaries(st.integers(0, 63), st.integers(1, 1 << 30), max_size=6).map(
    lambda counts: tuple(sorted(counts.items()))
)
# One unit for all, so that any two snapshots can be merged.
histograms = st.builds(Histogram, keys, st.just("us"), st.just(LOG2), buckets)
frames = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4).map(tuple)
stacks = st.builds(Stack, frames, st.integers(1, 1 << 30), st.just("samples"), st.integers(0, 1 << 20))
sums = st.dictionaries(st.sampled_from(("bytes", "us")), numbers).map(lambda units: tuple(sorted(units.items())))
counts = st.builds(Count, keys, st.integers(1, 1 << 30), sums)
events = st.builds(Event, numbers, keys)
snapshots = st.builds(
    Snapshot,
    *(st.lists(entries, max_size=3).map(tuple) for entries in (histograms, stacks, counts, events)),
)
