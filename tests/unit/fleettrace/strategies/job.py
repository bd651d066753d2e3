"""Jobs as they stand, and what is said of their coverage."""

from dataclasses import replace

from hypothesis import strategies as st

from fleettrace.model.cost import CostBasis
from fleettrace.model.job import (
    CanaryCheck,
    Coverage,
    Decision,
    Job,
    JobSpec,
    JobState,
    PlannedHost,
    Priority,
    Run,
    RunState,
    Verdict,
    Wave,
)
from fleettrace.model.run import RunKind
from tests.unit.fleettrace.strategies.basics import amounts, digests, host_names, names, numbers, params, texts
from tests.unit.fleettrace.strategies.cost import trials as canary_trials
from tests.unit.fleettrace.strategies.redaction import redact_rules
from tests.unit.fleettrace.strategies.run import costs, run_keys

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
    st.none() | canary_trials,
)
waves = st.builds(Wave, st.lists(host_names, max_size=3).map(tuple), numbers, verdicts, texts)
runs = st.builds(
    Run, run_keys, st.sampled_from(RunKind), st.sampled_from(RunState), numbers, numbers, texts, numbers, costs
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
