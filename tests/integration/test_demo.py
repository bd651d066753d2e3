"""deploy/demo as a newcomer runs it, without the set-up: on this kernel, with real cgroups and programs."""

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deploy.demo_fleet.cgroups import PREFIX
from deploy.demo_fleet.hosts import HOSTS, SLOW_HOST
from tests.kernel.support import require_kernel

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]

DEMO = [sys.executable, "-P", "-m", "deploy.demo_fleet"]
CLEAN = "Nothing is left behind: "


@pytest.fixture(autouse=True)
def a_kernel_to_trace() -> None:
    require_kernel()


def cgroups_of(pid: int) -> list[Path]:
    return [*Path("/sys/fs/cgroup").glob(f"{PREFIX}{pid}"), *Path("/sys/fs/cgroup").glob(f"*/{PREFIX}{pid}")]


def test_the_slow_host_is_named_and_nothing_is_left_behind() -> None:
    # WHEN the demonstration runs to its end
    with subprocess.Popen([*DEMO, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        out, err = demo.communicate()

    # THEN every host has answered, and the merged result is the sum of theirs
    assert demo.returncode == 0, err
    result = json.loads(out)
    assert result["schema"].startswith("fleettrace.job/")
    assert result["coverage"]["answered"] == len(HOSTS)
    total: Counter[int] = Counter()
    for host in result["hosts"]:
        for bucket in host["histograms"][0]["buckets"]:
            total[bucket["low"]] += bucket["count"]
    assert {bucket["low"]: bucket["count"] for bucket in result["merged"]["histograms"][0]["buckets"]} == total

    # AND the host that was made slow is the first suspect
    assert result["suspects"][0]["host"] == SLOW_HOST
    assert result["suspects"][0]["verdict"] in {"suspect", "outlier"}

    # AND it says itself that it has left nothing, which is so
    assert err.splitlines()[-1].startswith(CLEAN)
    assert cgroups_of(demo.pid) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_that_is_interrupted_ends_in_order(number: signal.Signals, code: int) -> None:
    # GIVEN a demonstration in the middle of its main job
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("wave 1"):
                break

        # WHEN it is asked to end
        demo.send_signal(number)
        told = demo.stdout.read()

    # THEN it ends everything first
    assert demo.returncode == code, told
    assert told.splitlines()[-1].startswith(CLEAN)
    assert cgroups_of(demo.pid) == []
