"""The kernel's records of what processes map: a program that has ended is known by them."""

import os
import time
from pathlib import Path

import pytest

from node_agent.kernel.mapping_events import Began, Forked, Mapped, MappingEvents
from tests.kernel.support import require_kernel

pytestmark = pytest.mark.kernel


def test_a_program_that_ended_is_known_by_what_it_mapped() -> None:
    require_kernel()
    events = MappingEvents()
    try:
        before_ns = time.monotonic_ns()
        pid = os.posix_spawn("/bin/true", ["true"], {})
        os.waitpid(pid, 0)
        own = [event for event in events.read() if event.tgid == pid]
        after_ns = time.monotonic_ns()
        assert [event for event in events.read() if event.tgid == pid] == [], "each is told once"
    finally:
        events.close()
    forked, began, program, *_ = own
    assert isinstance(forked, Forked)
    assert forked.parent_tgid == os.getpid()
    assert isinstance(began, Began)
    assert isinstance(program, Mapped)
    assert Path(program.path).samefile("/bin/true")
    assert program.file_id.endswith(f":{Path('/bin/true').stat().st_ino}")
    assert before_ns < forked.at_ns < began.at_ns < program.at_ns < after_ns
