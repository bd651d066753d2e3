from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.snapshot import Count, Event, Histogram, Snapshot, Stack
from node_agent.backends.port import ProbeStats
from node_agent.backends.sample import Recording, Sample, read_sample, write_sample

SNAPSHOT = Snapshot(
    histograms=(Histogram((("disk", "sda"),), "us", "log2", ((0, 1), (7, 2))),),
    stacks=(Stack(("app", "main"), 3, "samples"),),
    counts=(Count((("process", "app"),), 4),),
    events=(Event(5, (("name", "x"),)),),
)
SAMPLE = Sample(
    "small",
    "6.1.0",
    "x86_64",
    {"pid": 0},
    "none",
    Recording(1.0, ProbeStats(10, (4, 5)), Snapshot()),
    Recording(2.0, ProbeStats(20, (9, 10), 9, 1, 4096, 77), SNAPSHOT),
)


def test_a_sample_survives_its_file(tmp_path: Path) -> None:
    write_sample(tmp_path / "samples/a.json", SAMPLE)
    assert read_sample(tmp_path / "samples/a.json") == SAMPLE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "tool": "x"}'])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BadInput, match="is not a recorded sample"):
        read_sample(tmp_path / "a.json")
