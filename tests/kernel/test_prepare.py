"""Making a machine ready, as the agent does when it starts."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleettrace.catalog import builtin_tools
from node_agent.kernel.btf import btf_sha256
from tests.kernel.support import require_kernel

pytestmark = pytest.mark.kernel


def start(state: Path) -> subprocess.Popen[str]:
    require_kernel()
    command = [sys.executable, "-I", "-m", "node_agent.backends.bcc.prepare", "--state-directory", str(state)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_agents_of_one_machine_become_ready_at_once(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(3)]
    verdicts = [json.loads(process.communicate(timeout=50)[0]) for process in processes]
    ready = dict.fromkeys(builtin_tools(), "ready")
    # One of them measures what probes cost here, and all go by it.
    costs = [(verdict.pop("calibration"), verdict.pop("uncalibrated")) for verdict in verdicts]
    assert costs[0][0] is not None
    assert costs == [(costs[0][0], "")] * 3
    assert verdicts == [{"fit": True, "reason": "", "btf_sha256": btf_sha256(), "objects": ready}] * 3
    kept = sorted(path.name for path in (tmp_path / "objects").iterdir())
    assert [name.partition("-")[0] for name in kept] == sorted(["compile.lock", *ready, "selftest"])
