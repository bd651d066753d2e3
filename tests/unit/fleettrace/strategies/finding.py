"""What a comparison of hosts found, and the result that it stands in."""

from hypothesis import strategies as st

from fleettrace.model.findings import (
    CdfChange,
    FrameBlame,
    HistogramReading,
    HostVerdict,
    Hump,
    RateChange,
    ShapeChange,
    Suspect,
)
from fleettrace.model.job import JobResult
from tests.unit.fleettrace.strategies.basics import amounts, host_names, numbers, texts
from tests.unit.fleettrace.strategies.job import coverages, jobs
from tests.unit.fleettrace.strategies.run import host_parts
from tests.unit.fleettrace.strategies.snapshot import keys, snapshots

values = st.integers(0, (1 << 64) - 1)
spans = st.tuples(values, values).map(lambda pair: (min(pair), max(pair)))
shares = st.floats(0, 1)
deviates = st.floats(-1e6, 1e6)
shapes = st.builds(
    ShapeChange,
    texts,
    amounts,
    deviates,
    spans,
    spans,
    numbers,
    st.none() | spans,
    values,
    shares,
    shares,
    st.lists(st.builds(CdfChange, spans, st.floats(-1, 1)), max_size=3).map(tuple),
)
suspects = st.builds(
    Suspect,
    host_names,
    deviates,
    st.sampled_from(HostVerdict),
    texts,
    texts,
    deviates,
    st.none() | st.builds(RateChange, amounts, amounts, deviates, st.booleans()),
    st.none() | shapes,
    st.none() | st.builds(FrameBlame, texts, texts, texts),
)
humps = st.builds(Hump, spans, spans, shares, st.integers(0, 63))
histogram_readings = st.builds(
    HistogramReading,
    keys,
    texts,
    texts,
    numbers,
    spans,
    numbers,
    st.lists(st.tuples(shares, spans), max_size=3).map(tuple),
    spans,
    values,
    st.integers(1, 1 << 40),
    st.lists(humps, max_size=2).map(tuple),
) | st.builds(
    HistogramReading,
    keys,
    texts,
    texts,
    numbers,
    spans,
    numbers,
    st.just(()),
    spans,
    st.none(),
    st.just(0),
    st.just(()),
)
results = st.builds(
    JobResult,
    jobs,
    coverages,
    snapshots,
    st.lists(host_parts, max_size=2).map(tuple),
    st.lists(suspects, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    texts,
    st.lists(histogram_readings, max_size=2).map(tuple),
)
