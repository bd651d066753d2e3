from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.model.run import RunKind
from fleettrace.snapshot import EMPTY
from node_agent.backends import open_tracer
from node_agent.backends.replay import ReplayTracer
from node_agent.backends.sample import write_sample
from tests.unit.node_agent.backends.plans import small_plan
from tests.unit.node_agent.backends.test_sample import SAMPLE


class Clock:
    """A clock that stands still until it is told to go on."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_sample(tmp_path / "samples/a.json", SAMPLE)
    return tmp_path


def test_counters_grow_with_time_and_end_as_recorded(directory: Path) -> None:
    clock = Clock()
    tracer = ReplayTracer(small_plan(directory), clock_s=clock)
    tracer.attach()
    assert tracer.stats().hits == 0
    clock.now_s += 1.0
    assert (tracer.stats().hits, tracer.stats().events) == (10, 9)
    assert tracer.snapshot() == EMPTY
    clock.now_s += 60.0
    assert tracer.stats() == SAMPLE.trace.stats
    tracer.detach()
    assert (tracer.stats(), tracer.snapshot()) == (SAMPLE.trace.stats, SAMPLE.trace.snapshot)


def test_stopped_early_it_still_plays_the_recording_whole(directory: Path) -> None:
    tracer = ReplayTracer(small_plan(directory), clock_s=Clock())
    tracer.attach()
    tracer.detach()
    assert tracer.stats() == SAMPLE.trace.stats


@pytest.mark.parametrize("share", [0.5, 1.0, 3.0])
def test_a_frequency_check_keeps_to_the_recorded_rate_however_long_it_is_attached(
    directory: Path, share: float
) -> None:
    clock, recorded = Clock(), SAMPLE.frequency_check
    tracer = ReplayTracer(small_plan(directory, RunKind.FREQUENCY_CHECK), clock_s=clock)
    tracer.attach()
    clock.now_s += recorded.window_s * share
    tracer.detach()
    clock.now_s += 60.0
    assert (tracer.stats().hits, tracer.snapshot()) == (int(recorded.stats.hits * share), EMPTY)


def test_a_tool_without_samples_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no recorded samples"):
        open_tracer("replay", small_plan(tmp_path))


def test_an_unknown_backend_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no backend 'dtrace'; there are: bcc, replay"):
        open_tracer("dtrace", small_plan(tmp_path))
