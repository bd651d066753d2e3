"""What goes over the wire comes back as it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fleettrace.errors import Malformed
from fleettrace.model.attach import Alternative, Attach
from fleettrace.model.job import Coverage, Job, JobResult, JobSpec, JobState
from fleettrace.model.output import Decode, ResultKind
from fleettrace.model.params import FINE, PROCESS_FILTERS, Param, ParamType
from fleettrace.model.run import RunKind, RunOutcome
from fleettrace.model.tool import Cost, ToolDefinition, ToolListing
from fleettrace.snapshot import MAX_ENTRIES, Count, Snapshot, merge
from fleettrace.wire import codec
from tests.unit.fleettrace import strategies
from tests.unit.fleettrace.strategies.policy import policy_answers

OWN_PARAMS = (
    Param("depth", 0, 0, 99, "of stacks"),
    Param("latency", 1, 0, 1, "times too", ParamType.BOOLEAN),
    Param("filesystem", "any", 1, 4, "which", ParamType.CHOICE, ("any", "ext4")),
)
QUICK = settings(max_examples=60)

MODELS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Message], Callable[[Any], object]]] = {
    "host_facts": (strategies.facts, codec.host_facts_to_wire, codec.host_facts_from_wire),
    "host": (strategies.hosts, codec.host_to_wire, codec.host_from_wire),
    "run_key": (strategies.run_keys, codec.run_key_to_wire, codec.run_key_from_wire),
    "run_cost": (strategies.costs, codec.run_cost_to_wire, codec.run_cost_from_wire),
    "run_limits": (strategies.limits, codec.run_limits_to_wire, codec.run_limits_from_wire),
    "start_run": (strategies.starts, codec.start_run_to_wire, codec.start_run_from_wire),
    "snapshot": (strategies.snapshots, codec.snapshot_to_wire, codec.snapshot_from_wire),
    "part": (strategies.parts, codec.part_to_wire, codec.part_from_wire),
    "host_part": (strategies.host_parts, codec.host_part_to_wire, codec.host_part_from_wire),
    "job": (strategies.jobs, codec.job_to_wire, codec.job_from_wire),
    "coverage": (strategies.coverages, codec.coverage_to_wire, codec.coverage_from_wire),
    "histogram_reading": (
        strategies.histogram_readings,
        codec.histogram_reading_to_wire,
        codec.histogram_reading_from_wire,
    ),
    "suspect": (strategies.suspects, codec.suspect_to_wire, codec.suspect_from_wire),
    "about": (strategies.abouts, codec.about_to_wire, codec.about_from_wire),
    "question": (strategies.questions, codec.question_to_wire, codec.question_from_wire),
    "answer": (strategies.answers, codec.answer_to_wire, codec.answer_from_wire),
    "asked_host": (strategies.asked_hosts, codec.asked_host_to_wire, codec.asked_host_from_wire),
    "host_answer": (strategies.host_answers, codec.host_answer_to_wire, codec.host_answer_from_wire),
    "authority": (strategies.authorities, codec.authority_to_wire, codec.authority_from_wire),
    "signed": (strategies.signed, codec.signed_to_wire, codec.signed_from_wire),
    "key_vouch": (strategies.key_vouches, codec.key_vouch_to_wire, codec.key_vouch_from_wire),
    "policy_answer": (policy_answers, codec.policy_answer_to_wire, codec.policy_answer_from_wire),
    "audit_page": (strategies.audit_pages, codec.audit_page_to_wire, codec.audit_page_from_wire),
    "tool": (strategies.tools, codec.tool_to_wire, codec.tool_from_wire),
}


@pytest.mark.parametrize("name", MODELS)
@QUICK
@given(data=st.data())
def test_every_model_comes_back_from_its_bytes_as_it_was(name: str, data: st.DataObject) -> None:
    # GIVEN any valid model
    strategy, to_wire, from_wire = MODELS[name]
    model = data.draw(strategy)
    # WHEN it crosses the wire as bytes
    message = to_wire(model)
    received = type(message).FromString(message.SerializeToString())
    # THEN it is what it was
    assert from_wire(received) == model


def test_every_pair_of_the_codec_is_tried_above() -> None:
    pairs = {name.removesuffix("_to_wire") for name in codec.__all__ if name.endswith("_to_wire")}
    assert pairs == {name.removesuffix("_from_wire") for name in codec.__all__ if name.endswith("_from_wire")}
    assert pairs == {*MODELS, "run_kind", "run_outcome"}


@pytest.mark.parametrize("kind", RunKind)
def test_run_kinds_round_trip(kind: RunKind) -> None:
    assert codec.run_kind_from_wire(codec.run_kind_to_wire(kind)) is kind


@pytest.mark.parametrize("outcome", RunOutcome)
def test_run_outcomes_round_trip(outcome: RunOutcome) -> None:
    assert codec.run_outcome_from_wire(codec.run_outcome_to_wire(outcome)) is outcome


@QUICK
@given(st.lists(strategies.snapshots, max_size=4).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_a_merge_has_the_same_bytes_whatever_the_order(orders: tuple[list[Snapshot], list[Snapshot]]) -> None:
    one, other = (codec.snapshot_to_wire(merge(order)).SerializeToString() for order in orders)
    assert one == other


@QUICK
@given(st.lists(strategies.snapshots, max_size=3))
def test_merging_what_crossed_the_wire_is_what_crossing_the_merge_gives(some: list[Snapshot]) -> None:
    crossed = [codec.snapshot_from_wire(codec.snapshot_to_wire(snapshot)) for snapshot in some]
    assert merge(crossed) == merge(some)


def test_a_merge_may_hold_more_entries_than_one_host_may() -> None:
    # GIVEN the merge of a fleet with one more count than a single host may send
    counts = tuple(Count((("n", str(number)),), 1) for number in range(MAX_ENTRIES + 1))
    spec = JobSpec("j1", "syscount", "ab", {}, "all", 1000, "", "", False, 1, ())
    result = JobResult(Job(spec, JobState.DONE), Coverage(2, 2), merged=Snapshot(counts=counts))
    # WHEN it crosses the wire THEN it is whole
    assert codec.job_result_from_pieces(codec.job_result_to_pieces(result)) == result
    # AND as one host's snapshot it is refused
    with pytest.raises(Malformed, match="at most 100000 entries"):
        codec.snapshot_from_wire(codec.snapshot_to_wire(result.merged))


def test_what_is_listed_of_a_definition() -> None:
    # GIVEN a tool's definition
    tool = ToolDefinition(
        name="runqlat",
        digest="ab12",
        question="How long?",
        result=ResultKind.HISTOGRAM,
        unit="us",
        capabilities=("CAP_BPF",),
        optional_capabilities={},
        cost=Cost(100, 200),
        params=OWN_PARAMS,
        alternatives=(
            Alternative("", "", (Attach("switch", "tp_btf/sched_switch"), Attach("wake", "tp_btf/sched_wakeup"))),
        ),
        decode=Decode("hist"),
        directory=Path("runqlat"),
        program_text="int x;",
        readme="# runqlat",
    )
    # WHEN it crosses the wire
    listing = codec.tool_from_wire(codec.tool_to_wire(tool))
    # THEN what an operator needs is there, and nothing of how it is built
    assert listing == ToolListing(
        name="runqlat",
        digest="ab12",
        question="How long?",
        result=ResultKind.HISTOGRAM,
        params=(*OWN_PARAMS, *PROCESS_FILTERS, FINE),
        capabilities=("CAP_BPF",),
        probes=("tp_btf/sched_switch", "tp_btf/sched_wakeup"),
        readme="# runqlat",
    )
