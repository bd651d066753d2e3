"""Orders, runs and their parts, and who signs."""

from hypothesis import strategies as st

from fleettrace.model.calibration import HitKind
from fleettrace.model.job import HostPart
from fleettrace.model.order import Authority, KeyVouch, SignedBytes
from fleettrace.model.run import OneLinerBounds, Part, RunCost, RunKey, RunKind, RunLimits, RunOutcome, StartRun
from tests.unit.fleettrace.strategies.basics import (
    amounts,
    capabilities,
    digests,
    host_names,
    labels,
    names,
    numbers,
    params,
    texts,
)
from tests.unit.fleettrace.strategies.cost import map_fills
from tests.unit.fleettrace.strategies.redaction import redactions
from tests.unit.fleettrace.strategies.snapshot import snapshots

run_keys = st.builds(RunKey, names, host_names, st.integers(1, 9))
costs = st.builds(
    RunCost,
    numbers,
    numbers,
    st.lists(numbers, max_size=4).map(tuple),
    numbers,
    numbers,
    numbers,
    numbers,
    traps=numbers,
    printing_events=numbers,
    bpf_run_count=numbers,
    attached_cpu_us=numbers,
    hits_by_kind=st.dictionaries(st.sampled_from(HitKind), numbers, max_size=3),
    map_fills=map_fills,
)
bounds = st.builds(OneLinerBounds, st.integers(0, 1 << 31), st.integers(0, 1 << 31), amounts)
limits = st.builds(
    RunLimits, st.integers(1, 1 << 31), numbers, numbers, amounts, capabilities, st.none() | bounds, amounts, numbers
)
signed = st.builds(
    SignedBytes, st.binary(max_size=40), st.binary(min_size=16, max_size=16), st.binary(min_size=64, max_size=64)
)
starts = st.builds(
    StartRun,
    run_keys,
    st.sampled_from(RunKind),
    names,
    digests,
    params,
    limits,
    numbers,
    texts,
    texts,
    texts,
    amounts,
    start_at_ms=numbers,
    tool_approvals=st.lists(signed, max_size=2).map(tuple),
    redaction=redactions,
    approved_by=texts,
    break_glass=texts,
)
parts = st.builds(
    Part,
    run_keys,
    st.sampled_from(RunKind),
    st.sampled_from(RunOutcome),
    texts,
    names,
    numbers,
    numbers,
    costs,
    snapshots,
    st.booleans(),
    texts,
    notes=st.lists(texts, max_size=2).map(tuple),
    started_at_controller_ms=numbers,
    clock_uncertainty_ms=st.integers(0, 1 << 31),
)
host_parts = st.builds(HostPart, parts, labels, texts)
authorities = st.builds(Authority, names, st.integers(1, 1 << 40), names)
key_vouches = st.builds(
    KeyVouch,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    numbers,
    st.binary(min_size=64, max_size=64),
)
