"""What probes cost here, measured on the running kernel; kept until the kernel or the machine is another."""

import json
import stat
import time
from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from fleettrace.model.calibration import Calibration, HitKind
from node_agent.calibration.keep import calibration_file, kept, kept_or_measured
from node_agent.calibration.measure import measure
from node_agent.kernel.inventory import program_ids, program_name
from tests.kernel.support import loaded, wait_until

pytestmark = pytest.mark.kernel


def test_every_kind_that_this_kernel_has_is_measured_and_nothing_stays(tmp_path: Path) -> None:
    # WHEN this host is calibrated
    before = set(program_ids())
    began_s = time.process_time()
    found = kept_or_measured(tmp_path, measure)
    # THEN the figures are of the order that such probes have, and a trap is by far the dearest
    assert {HitKind.RAW_TRACEPOINT, HitKind.SYSCALL, HitKind.SAMPLE} <= set(found.hit_ns)
    assert 1 < found.hit_ns[HitKind.SYSCALL] < 5_000
    if HitKind.UPROBE in found.hit_ns:
        assert found.hit_ns[HitKind.UPROBE] > found.hit_ns[HitKind.UPROBE_EMULATED] > found.hit_ns[HitKind.SYSCALL]
    assert 1 < found.empty_run_time_ns < 2_000
    # AND this process did none of the work, and no program is left
    assert time.process_time() - began_s < 0.3
    empty = {one for one in set(program_ids()) - before if program_name(one) == "ft_empty"}
    wait_until(lambda: not loaded(empty), "the programs to go")


def test_it_is_kept_for_its_owner_alone_and_measured_once(tmp_path: Path) -> None:
    found = kept_or_measured(tmp_path, lambda: Calibration({HitKind.SYSCALL: 30.0}, measured_at_ms=7))
    assert stat.S_IMODE(calibration_file(tmp_path).stat().st_mode) == 0o600

    def never() -> Calibration:
        raise AssertionError("it was kept")

    assert kept_or_measured(tmp_path, never) == kept(tmp_path) == found


@pytest.mark.parametrize("spoil", ["another boot", "torn"])
def test_it_is_measured_again_when_it_is_of_something_else(tmp_path: Path, spoil: str) -> None:
    # GIVEN what was kept on another boot, or was not written whole
    kept_or_measured(tmp_path, lambda: Calibration({HitKind.SYSCALL: 30.0}))
    path = calibration_file(tmp_path)
    text = path.read_text()
    path.write_text(
        json.dumps({**json.loads(text), "key": "of another boot"}) if spoil == "another boot" else text[:40]
    )
    # THEN it does not count
    assert kept(tmp_path) is None
    assert kept_or_measured(tmp_path, lambda: Calibration({HitKind.SYSCALL: 40.0})).hit_ns[HitKind.SYSCALL] == 40.0


def test_a_measurement_that_fails_says_why(tmp_path: Path) -> None:
    def broken() -> Calibration:
        raise OSError("no probe today")

    with pytest.raises(Unfit, match="could not be measured: OSError: no probe today"):
        kept_or_measured(tmp_path, broken)
    assert kept(tmp_path) is None
