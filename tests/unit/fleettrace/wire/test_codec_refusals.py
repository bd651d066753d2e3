"""What is outside the contract is refused with one sentence, wherever it comes in."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from fleettrace.errors import Malformed
from fleettrace.wire import codec
from fleettrace.wire.v1 import agent_link_pb2 as link
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import types_pb2 as types

KEY = types.RunKey(job_id="j1", host="api-1", attempt=1)
TOO_MANY = codec.MAX_NUMBER + 1


def snapshot(**fields: Any) -> types.Snapshot:
    return types.Snapshot(**fields)


def histogram(*buckets: tuple[int, int], unit: str = "us", scheme: str = "log2") -> types.Snapshot:
    return snapshot(
        histograms=[
            types.Histogram(unit=unit, scheme=scheme, buckets=[types.Bucket(index=i, count=n) for i, n in buckets])
        ]
    )


def stack(*frames: str, value: int = 1, unit: str = "samples") -> types.Snapshot:
    return snapshot(stacks=[types.Stack(frames=frames, value=value, unit=unit)])


def count(*labels: tuple[str, str], value: int = 1) -> types.Snapshot:
    key = types.Key(labels=[types.Label(name=name, value=text) for name, text in labels])
    return snapshot(counts=[types.Count(key=key, count=value)])


def part(**fields: Any) -> types.Part:
    valid: dict[str, Any] = {"run": KEY, "kind": types.RUN_KIND_TRACE, "outcome": types.RUN_OUTCOME_COMPLETE}
    return types.Part(**{**valid, **fields})


def job(**fields: Any) -> control.Job:
    return control.Job(**{"job_id": "j1", "state": "done", **fields})


def run(**fields: Any) -> control.Run:
    return control.Run(**{"run": KEY, "kind": types.RUN_KIND_TRACE, "state": "running", **fields})


SNAPSHOTS = {
    "unknown scheme": (histogram((0, 1), scheme="linear"), "scheme"),
    "no unit": (histogram((0, 1), unit=""), "unit"),
    "descending buckets": (histogram((2, 1), (1, 1)), "ascend"),
    "a bucket twice": (histogram((1, 1), (1, 1)), "ascend"),
    "bucket beyond 64 bits": (histogram((64, 1)), "0..63"),
    "empty bucket": (histogram((1, 0)), "at least 1"),
    "stack without frames": (stack(), "1 to 1024 frames"),
    "stack too deep": (stack(*["f"] * 1025), "1 to 1024 frames"),
    "empty frame": (stack("main", ""), "a frame has"),
    "endless frame": (stack("f" * 4097), "a frame has"),
    "stack without value": (stack("main", value=0), "at least 1"),
    "stack without unit": (stack("main", unit=""), "unit"),
    "count of nothing": (count(("process", "nginx"), value=0), "at least 1"),
    "label twice": (count(("process", "a"), ("process", "b")), "unique"),
    "label without name": (count(("", "a")), "name"),
    "label's name in capitals": (count(("Process", "a")), "name"),
    "too many labels": (count(*((f"n{number}", "") for number in range(17))), "at most 16"),
    "endless value": (count(("process", "x" * 4097)), "longer than"),
    "stacks by hash": (snapshot(stack_columns=[types.StackColumns(hashes=b"x" * 16, values=[1])]), "by hash"),
}

MESSAGES: dict[str, tuple[Callable[[Any], object], Any, str]] = {
    "key: no job": (codec.run_key_from_wire, types.RunKey(host="api-1", attempt=1), "job id"),
    "key: endless job": (codec.run_key_from_wire, types.RunKey(job_id="j" * 129, host="a", attempt=1), "job id"),
    "key: no host": (codec.run_key_from_wire, types.RunKey(job_id="j1", attempt=1), "host name"),
    "key: bad host": (codec.run_key_from_wire, types.RunKey(job_id="j1", host="a\nb", attempt=1), "host name"),
    "key: attempt 0": (codec.run_key_from_wire, types.RunKey(job_id="j1", host="api-1"), "from 1"),
    "key: absent": (codec.part_from_wire, part(run=None), "from 1"),
    "kind: not given": (codec.part_from_wire, part(kind=0), "kind of run"),
    "kind: unknown": (codec.part_from_wire, part(kind=77), "77 is no kind"),
    "outcome: not given": (codec.part_from_wire, part(outcome=0), "outcome"),
    "outcome: unknown": (codec.part_from_wire, part(outcome=77), "77 is no outcome"),
    "cost: beyond counting": (codec.run_cost_from_wire, types.RunCost(lost_events=TOO_MANY), "lost events"),
    "cost: a CPU's events": (codec.run_cost_from_wire, types.RunCost(events_per_cpu=[1, TOO_MANY]), "events"),
    "part: time beyond counting": (codec.part_from_wire, part(started_at_ms=TOO_MANY), "start"),
    "part: sums beyond counting": (codec.part_from_wire, part(snapshot=stack("f", value=TOO_MANY)), "add up"),
    "part: bad snapshot": (codec.part_from_wire, part(snapshot=stack()), "frames"),
    "limits: no duration": (codec.run_limits_from_wire, link.RunLimits(max_cpu_pct=5), "duration"),
    "limits: NaN": (codec.run_limits_from_wire, link.RunLimits(duration_ms=1, max_cpu_pct=math.nan), "finite"),
    "limits: infinite": (codec.run_limits_from_wire, link.RunLimits(duration_ms=1, max_cpu_pct=math.inf), "finite"),
    "limits: negative": (codec.run_limits_from_wire, link.RunLimits(duration_ms=1, max_cpu_pct=-1), "negative"),
    "start: no tool": (
        codec.start_run_from_wire,
        link.StartRun(run=KEY, kind=types.RUN_KIND_TRACE, digest="ab", limits=link.RunLimits(duration_ms=1)),
        "tool's name",
    ),
    "start: no limits": (
        codec.start_run_from_wire,
        link.StartRun(run=KEY, kind=types.RUN_KIND_TRACE, tool="runqlat", digest="ab"),
        "duration",
    ),
    "facts: no CPUs": (codec.host_facts_from_wire, types.HostFacts(arch="x86_64"), "CPU"),
    "host: reserved name": (codec.host_from_wire, control.Host(name="all"), "host name"),
    "host: bad label": (codec.host_from_wire, control.Host(name="a", labels={"role": "a b"}), "label"),
    "host: no facts": (codec.host_from_wire, control.Host(name="a"), "CPU"),
    "job: no id": (codec.job_from_wire, job(job_id=""), "job id"),
    "job: unknown state": (codec.job_from_wire, job(state="paused"), "'paused' is no state of a job"),
    "job: run's state": (codec.job_from_wire, job(runs=[run(state="paused")]), "'paused' is no state of a run"),
    "job: a run twice": (codec.job_from_wire, job(runs=[run(), run()]), "twice"),
    "job: bad target": (codec.job_from_wire, job(targets=["a b"]), "host name"),
    "job: canary's verdict": (
        codec.job_from_wire,
        job(canaries=[control.CanaryCheck(host="a", verdict="maybe")]),
        "'maybe' is no verdict",
    ),
    "job: NaN on the canary": (
        codec.job_from_wire,
        job(canaries=[control.CanaryCheck(host="a", verdict="hold", events_per_s_per_cpu=[1, math.nan])]),
        "finite",
    ),
    "job: wave's verdict": (codec.job_from_wire, job(waves=[control.Wave(verdict="")]), "'' is no verdict"),
    "coverage: too many answers": (codec.coverage_from_wire, control.Coverage(targeted=1, answered=2), "answered"),
    "suspect: NaN": (
        codec.suspect_from_wire,
        control.Suspect(host="a", verdict="suspect", score=math.nan),
        "finite",
    ),
    "suspect: unknown verdict": (codec.suspect_from_wire, control.Suspect(host="a", verdict="guilty"), "guilty"),
    "tool: no name": (codec.tool_from_wire, control.Tool(digest="ab", result="counts"), "tool's name"),
    "tool: unknown result": (codec.tool_from_wire, control.Tool(name="x", digest="ab", result="pie"), "pie"),
}


@pytest.mark.parametrize("case", SNAPSHOTS)
def test_a_snapshot_outside_the_contract(case: str) -> None:
    message, words = SNAPSHOTS[case]
    with pytest.raises(Malformed, match=words) as refusal:
        codec.snapshot_from_wire(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("case", MESSAGES)
def test_a_message_outside_the_contract(case: str) -> None:
    from_wire, message, words = MESSAGES[case]
    with pytest.raises(Malformed, match=words) as refusal:
        from_wire(message)
    assert "\n" not in str(refusal.value)


def test_what_is_absent_reads_as_not_known() -> None:
    # GIVEN a part with neither cost nor snapshot
    read = codec.part_from_wire(part())
    # THEN both are the model's empty ones
    assert read.cost.events == 0
    assert read.snapshot.total == 0
    assert not read.final
