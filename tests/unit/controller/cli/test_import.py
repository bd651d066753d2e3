"""``fleettrace import``."""

import json
from pathlib import Path

from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.cli.conftest import Command
from tests.unit.controller.cli.fake_control import FakeControl
from tests.unit.controller.imports.test_histograms import BCC


def test_a_histogram_goes_to_the_controller_as_numbers(
    control: FakeControl, fleettrace: Command, tmp_path: Path
) -> None:
    text = tmp_path / "runqlat.txt"
    text.write_text(BCC)
    outcome = fleettrace("import", "k3f9q2", str(text), "--host", "hand-1", "--window", "5s", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.stdout)["imported"] == {"host": "hand-1", "class": "c1", "events": 7}
    (request,) = control.requests(pb.ImportPartRequest)
    assert (request.host, request.window_ms, request.origin) == ("hand-1", 5_000, "runqlat.txt")
    assert sum(bucket.count for bucket in request.snapshot.histograms[0].buckets) == 233 + 742 + 800 + 4


def test_what_cannot_be_read_is_a_sentence(control: FakeControl, fleettrace: Command, tmp_path: Path) -> None:
    gone = fleettrace("import", "k3f9q2", str(tmp_path / "gone"), "--host", "h")
    assert (gone.code, "cannot be read" in gone.stderr) == (2, True)
    cut = tmp_path / "cut.txt"
    cut.write_text(BCC[:-1])
    assert fleettrace("import", "k3f9q2", str(cut), "--host", "h").stderr.startswith("fleettrace: the text is cut off")
    assert control.requests(pb.ImportPartRequest) == []
