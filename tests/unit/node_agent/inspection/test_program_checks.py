"""What the agent itself needs on a host."""

import importlib.util
import os
from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from fleettrace.model.capability import CAPABILITY_NAMES
from fleettrace.model.inspection import Grade
from node_agent.inspection import program_checks
from node_agent.inspection.program_checks import check_capabilities, check_programs, check_state_directory

BOTH = frozenset({"CAP_BPF", "CAP_PERFMON"})


def test_capabilities_that_everything_needs_and_those_that_some_things_need() -> None:
    fault = check_capabilities(frozenset({"CAP_BPF"}))
    assert (fault.grade, fault.found) == (Grade.FAULT, "the agent lacks CAP_PERFMON: no program can be loaded")
    assert "AmbientCapabilities=CAP_BPF CAP_PERFMON" in fault.mend
    note = check_capabilities(BOTH)
    assert note.grade is Grade.NOTE
    assert "can hand on CAP_BPF, CAP_PERFMON, enough for" in note.found
    assert "CAP_SYSLOG for names of kernel functions" in note.found
    assert check_capabilities(frozenset(CAPABILITY_NAMES)).grade is Grade.OK


def test_programs_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise Unfit("bpftrace is not installed here: apt-get install bpftrace")

    monkeypatch.setattr(program_checks, "find_bpftrace", missing)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    bcc, bpftrace = check_programs()
    assert (bcc.grade, bcc.mend.startswith("apt-get install python3-bpfcc")) == (Grade.FAULT, True)
    assert (bpftrace.grade, bpftrace.mend) == (Grade.WARNING, "apt-get install bpftrace")
    assert bpftrace.found == "bpftrace is not installed here: one-liners fail"


def test_a_disk_that_is_full_and_a_folder_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (fine,) = check_state_directory(tmp_path / "not" / "there", look_at_tools=False)
    assert fine.grade is Grade.OK
    assert not (tmp_path / "not").exists()
    monkeypatch.setattr(program_checks, "LEAST_ROOM_BYTES", 1 << 62)
    (full,) = check_state_directory(tmp_path, look_at_tools=False)
    assert (full.grade, "free some room" in full.mend) == (Grade.WARNING, True)
    monkeypatch.setattr(os, "access", lambda *_: False)
    (foreign,) = check_state_directory(tmp_path, look_at_tools=False)
    assert "cannot be written" in foreign.found
