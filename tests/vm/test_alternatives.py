"""Of a tool's alternatives the first that this kernel accepts runs: kprobes where there are kprobes, and only there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vm.agent import STATE_DIRECTORY
from tests.vm.image import AGENT_HOME
from tests.vm.stage import Stage
from tests.vm.work import work

TOUCHED = 1_009
SCRIPT = Path(__file__).with_name("alternatives.py")

_IN_GUEST = """
cd /run && rm -f tell told && mkfifo tell && exec 3<>tell
/{home}/bin/python -I /run/alternatives.py {state} {pid} {names} <&3 >told 2>&1 &
echo $! >tracer
until grep -q -e attached -e refused told; do kill -0 $! || exit 1; sleep 0.2; done
"""
_END = "cd /run && echo >tell && tail --pid=$(cat tracer) -s 0.1 -f /dev/null; tail -n 1 told"


def in_guest(stage: Stage, *names: str) -> dict[str, Any]:
    stage.guest.push("/run/alternatives.py", SCRIPT.read_bytes())
    with work(stage.guest, "touches", TOUCHED) as going:
        command = _IN_GUEST.format(home=AGENT_HOME, state=STATE_DIRECTORY, pid=going.pid, names=" ".join(names))
        started = stage.guest.run(command, limit_s=120, check=False)
        said = stage.guest.run("cat /run/told").out
        assert started.status == 0, said
        assert "refused" not in said, said
        going.run()
        answer: dict[str, Any] = json.loads(stage.guest.run(_END).out)
    return answer


@pytest.mark.parametrize("kprobe", ["kprobe", "kretprobe"])
def test_a_kprobe_runs_where_nothing_before_it_does(stage: Stage, kprobe: str) -> None:
    answer = in_guest(stage, "no_tracepoint", "no_function", kprobe)
    assert answer["alternative"] == kprobe
    assert TOUCHED <= answer["events"] <= TOUCHED * 1.5, "and the few of the interpreter"


@pytest.mark.skipif(
    Path("/sys/bus/event_source/devices/kprobe").exists(), reason="this machine's own kernel has kprobes too"
)
def test_the_same_says_here_that_there_are_no_kprobes(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(SCRIPT), str(tmp_path), "1", "no_tracepoint", "kprobe"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "kprobe handle_mm_fault: this kernel has no kprobes" in json.loads(done.stdout)["refused"]
