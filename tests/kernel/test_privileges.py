"""What two capabilities are enough for, and what comes of others: names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.processes import workload
from tests.kernel.support import NOBODY
from tests.kernel.tracer_process import Result, tracing

pytestmark = pytest.mark.kernel

TWO = "CAP_BPF,CAP_PERFMON"
FOUR = f"{TWO},CAP_SYSLOG,CAP_SYS_PTRACE"
MAX_PEAK_RSS_KB = 45_000


@pytest.fixture(params=["runqlat", "syscount", "profile"])
def tool(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each tool, while there is something to see."""
    with workload("checksum", 5_000) as work:
        work.begin()
        yield str(request.param)


def test_two_capabilities_are_enough(state: Path, tool: str) -> None:
    with tracing(tool, state, capabilities=TWO, window_s=0.3) as tracer:
        result = tracer.result()
    assert result.events >= result.recorded > 0
    assert result.peak_rss_kb < MAX_PEAK_RSS_KB, "the compiler is in another process"


def test_without_optional_capabilities_frames_and_notes_say_what_they_are_not(nobodys_state: Path) -> None:
    result = reading(nobodys_state, TWO)
    assert {*result.frames} >= {"[kernel]_[k]", "[unknown]"}
    assert result.notes == [
        "functions of the kernel have no names: the run had no CAP_SYSLOG",
        "functions of 1 process have no names: the run had no CAP_SYS_PTRACE, so that it sees its own user's alone",
    ]


def test_optional_capabilities_give_names(nobodys_state: Path) -> None:
    result = reading(nobodys_state, FOUR)
    frames = {*result.frames}
    assert result.notes == []
    assert "vfs_read_[k]" in frames
    assert "[kernel]_[k]" not in frames
    assert any(frame == "read" or frame.startswith("[libc.so.6+") for frame in frames)


def reading(state: Path, capabilities: str) -> Result:
    """What nobody sees of root's process, which reads."""
    with (
        workload("read_zeros", 600) as work,
        tracing("profile", state, uid=NOBODY, capabilities=capabilities, pid=work.pid, window_s=0.5) as tracer,
    ):
        work.begin()
        return tracer.result()
