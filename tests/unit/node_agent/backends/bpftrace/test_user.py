"""bpftrace where the agent is not root: what it is told, and what is refused before it is started."""

import os
from pathlib import Path

import pytest

from fleettrace.errors import Unfit
from fleettrace.oneliner import parse
from fleettrace.oneliner.tree import AttachPoint
from node_agent.backends.bpftrace.user import check_user, user_environment

TWO = ("CAP_BPF", "CAP_PERFMON")


def points(text: str) -> list[AttachPoint]:
    return [point for probe in parse(text).probes for point in probe.attach]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)


def test_root_needs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert user_environment([str(tmp_path)]) == {}
    check_user(points("uprobe:/bin/sh:main { @++; }"), (), tmp_path)


@pytest.mark.usefixtures("nobody")
def test_others_need_the_library(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="apt-get install libuid-wrapper"):
        user_environment([str(tmp_path)])
    (tmp_path / "libuid_wrapper.so").touch()
    found = user_environment(["/nowhere", str(tmp_path)])
    assert found["LD_PRELOAD"] == str(tmp_path / "libuid_wrapper.so")


@pytest.mark.usefixtures("nobody")
def test_what_the_user_may_not_trace_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match=r"needs CAP_SYS_ADMIN .* or use funclatency"):
        check_user(points("uprobe:/bin/sh:main { @++; }"), TWO, tmp_path)
    check_user(points("uprobe:/bin/sh:main { @++; }"), (*TWO, "CAP_SYS_ADMIN"), tmp_path)
    with pytest.raises(Unfit, match="mount -o remount,gid=GROUP,mode=750"):
        check_user(points("tracepoint:sched:sched_switch { @++; }"), TWO, tmp_path)
    (tmp_path / "events").mkdir()
    check_user(points("tracepoint:sched:sched_switch { @++; }"), TWO, tmp_path)
    check_user(points("profile:hz:99 { @++; }"), TWO, tmp_path / "none")
