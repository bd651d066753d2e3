"""Hypothesis strategies for the models, each valid by construction; small, so that laws are tried quickly."""

from dataclasses import replace

from hypothesis import strategies as st

from fleettrace.model.audit import AuditHead, AuditPage, AuditRecord
from fleettrace.model.calibration import HitKind
from fleettrace.model.cost import CostBasis
from fleettrace.model.findings import (
    CdfChange,
    FrameBlame,
    HistogramReading,
    HostVerdict,
    Hump,
    RateChange,
    ShapeChange,
)
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.inspection import (
    Answer,
    AskedHost,
    Check,
    ClockOffset,
    DoctorQuestion,
    DoctorReport,
    Grade,
    HostAnswer,
    ProbeArgument,
    ProbeList,
    ProbePoint,
    ProbesQuestion,
    Question,
    ToolTrial,
    TrialOutcome,
    Unanswered,
)
from fleettrace.model.job import (
    CanaryCheck,
    Coverage,
    Decision,
    HostPart,
    Job,
    JobResult,
    JobSpec,
    JobState,
    PlannedHost,
    Priority,
    Run,
    RunState,
    Suspect,
    Verdict,
    Wave,
)
from fleettrace.model.order import Authority, KeyVouch, SignedBytes
from fleettrace.model.output import ResultKind
from fleettrace.model.params import Param
from fleettrace.model.run import OneLinerBounds, Part, RunCost, RunKey, RunKind, RunLimits, RunOutcome, StartRun
from fleettrace.model.tool import ToolListing
from fleettrace.snapshot import LOG2, Count, Event, Histogram, Snapshot, Stack
from tests.unit.fleettrace import cost_strategies
from tests.unit.fleettrace.redactions import redact_rules, redactions

numbers = st.integers(0, 1 << 40)
amounts = st.floats(0, 1e9)
texts = st.text(max_size=12)
names = st.text("abcxyz_", min_size=1, max_size=6).map(lambda name: "n" + name)
host_names = st.from_regex(r"[a-z]([a-z.-]{0,4}[0-9])?", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=1, max_size=64)
labels = st.dictionaries(names, st.from_regex(r"[a-zA-Z0-9]{1,5}", fullmatch=True), max_size=3)

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
    map_fills=cost_strategies.map_fills,
)
capabilities = st.lists(names, max_size=3).map(tuple)
bounds = st.builds(OneLinerBounds, st.integers(0, 1 << 31), st.integers(0, 1 << 31), amounts)
limits = st.builds(
    RunLimits, st.integers(1, 1 << 31), numbers, numbers, amounts, capabilities, st.none() | bounds, amounts, numbers
)
params = st.dictionaries(names, st.integers(-(1 << 62), 1 << 62) | texts, max_size=3)
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

facts = st.builds(
    HostFacts,
    texts,
    texts,
    texts,
    st.integers(1, 4096),
    digests,
    names,
    names,
    capabilities,
    texts,
    st.dictionaries(names, digests, max_size=3),
    names,
    texts,
    st.lists(names, max_size=2).map(tuple),
    st.none() | st.integers(0, 1 << 31),
    st.lists(names, max_size=2).map(tuple),
    st.none() | cost_strategies.calibrations,
)
hosts = st.builds(Host, host_names, labels, facts, st.booleans(), numbers, texts)

specs = st.builds(
    JobSpec,
    names,
    names,
    digests,
    params,
    texts,
    st.integers(1, 1 << 31),
    texts,
    texts,
    st.booleans(),
    numbers,
    st.lists(host_names, max_size=3).map(tuple),
    st.dictionaries(host_names, texts, max_size=2),
    st.booleans(),
    st.booleans(),
    program=texts,
    priority=st.sampled_from(Priority),
    approve_by_ms=numbers,
    break_glass=texts,
    redact=redact_rules,
    class_labels=st.lists(texts, max_size=2).map(tuple),
)
planned = st.builds(
    PlannedHost, host_names, st.integers(1, 1 << 31), host_names, amounts, amounts, st.sampled_from(CostBasis)
)
verdicts = st.sampled_from(Verdict)
canaries = st.builds(
    CanaryCheck,
    host_names,
    texts,
    verdicts,
    texts,
    amounts,
    amounts,
    st.lists(amounts, max_size=3).map(tuple),
    amounts,
    amounts,
    amounts,
    amounts,
    st.booleans(),
    st.sampled_from(CostBasis),
    amounts,
    amounts,
    amounts,
    amounts,
    st.none() | cost_strategies.trials,
)
waves = st.builds(Wave, st.lists(host_names, max_size=3).map(tuple), numbers, verdicts, texts)
runs = st.builds(
    Run, run_keys, st.sampled_from(RunKind), st.sampled_from(RunState), numbers, numbers, texts, numbers, costs
)
authorities = st.builds(Authority, names, st.integers(1, 1 << 40), names)
key_vouches = st.builds(
    KeyVouch,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    numbers,
    st.binary(min_size=64, max_size=64),
)
_hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
audit_pages = st.builds(
    AuditPage,
    st.lists(st.builds(AuditRecord, numbers, st.binary(max_size=20), _hashes), max_size=3).map(tuple),
    st.builds(AuditHead, numbers, _hashes),
    numbers,
)
decisions = st.builds(Decision, numbers, names, names, texts, texts, texts)


def _job_with_runs(job: Job, some: list[Run]) -> Job:
    own = [replace(run, key=replace(run.key, job_id=job.spec.job_id)) for run in some]
    return replace(job, runs={run.key: run for run in own})


jobs = st.builds(
    _job_with_runs,
    st.builds(
        Job,
        specs,
        st.sampled_from(JobState),
        texts,
        numbers,
        st.lists(canaries, max_size=2).map(tuple),
        st.lists(waves, max_size=2).map(tuple),
        st.just({}),
        st.lists(decisions, max_size=3).map(tuple),
        st.lists(planned, max_size=2).map(tuple),
        st.integers(0, 64),
        texts,
        approved_by=texts,
        queued_at_ms=numbers,
    ),
    st.lists(runs, max_size=3),
)

reasons = st.lists(st.tuples(host_names, texts), max_size=3).map(tuple)
coverages = st.builds(
    Coverage,
    st.integers(10, 20),
    st.integers(0, 10),
    reasons,
    reasons,
    numbers,
    numbers,
    numbers,
    st.lists(host_names, max_size=2).map(tuple),
    reasons,
    notes=reasons,
    imported=st.lists(host_names, max_size=2).map(tuple),
    wave_skew_ms=numbers,
    wave_skew_uncertainty_ms=numbers,
)

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

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
tools = st.builds(
    ToolListing,
    names,
    digests,
    texts,
    st.sampled_from(ResultKind),
    st.lists(st.builds(Param, names, int64, int64, int64, texts), max_size=2).map(tuple),
    capabilities,
    st.lists(names, max_size=2).map(tuple),
    texts,
)

probe_points = st.builds(
    ProbePoint, texts, st.lists(st.builds(ProbeArgument, texts, texts), max_size=2).map(tuple), texts
)
probe_lists = st.builds(
    ProbeList,
    st.lists(probe_points, max_size=3).map(tuple),
    st.integers(3, 9),
    st.lists(texts, max_size=2).map(tuple),
    st.lists(names, max_size=2).map(tuple),
)
trials = st.builds(ToolTrial, names, st.sampled_from(TrialOutcome), texts, texts, texts)
doctor_reports = st.builds(
    DoctorReport,
    st.lists(st.builds(Check, names, st.sampled_from(Grade), texts, texts), max_size=3).map(tuple),
    st.lists(trials, max_size=3).map(tuple),
)
findings = st.one_of(st.builds(Unanswered, names), probe_lists, doctor_reports)
small = st.integers(0, 1 << 31)
abouts = st.one_of(st.builds(DoctorQuestion), st.builds(ProbesQuestion, texts, texts, small, st.booleans(), small))
questions = st.builds(Question, names, st.integers(1, 1 << 31), abouts)
answers = st.builds(Answer, names, numbers, numbers, findings)
asked_hosts = st.builds(AskedHost, host_names, texts, st.lists(host_names, max_size=2).map(tuple))
clocks = st.builds(ClockOffset, st.integers(-(1 << 40), 1 << 40), numbers)
host_answers = st.builds(HostAnswer, host_names, findings, st.one_of(st.none(), clocks))
