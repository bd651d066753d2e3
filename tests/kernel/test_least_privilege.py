"""The whole catalogue as another user, with exactly the capabilities that docs/tools.md states; one less does not do.

Everything is the agent's own: the child, its confinement, its filter of system calls. Not even tracefs may be read.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleettrace.catalog import builtin_tools, find_tool
from fleettrace.model.attach import Alternative
from fleettrace.model.params import ParamValue
from node_agent.child.protocol import Attached, Failed
from node_agent.kernel.perf_events import KPROBE_TYPE
from tests.kernel.processes import Workload, workload
from tests.kernel.support import recorded
from tests.kernel.tracing_child import as_user, tracing_child

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]

LIBC = next(line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/libc.so" in line)
PARAMS: dict[str, dict[str, ParamValue]] = {
    "biosnoop": {"min_us": 0},
    "funclatency": {"binary": LIBC, "symbol": "kill"},
    "usdt": {"binary": str(Path(sys.executable).resolve()), "provider": "python", "probe": "audit"},
}
ROUNDS = 11

ALONE = {"CAP_SYS_ADMIN"}
WAYS = [(tool.name, one.name) for tool in builtin_tools().values() for one in tool.alternatives]
LESS = [
    (tool.name, one.name, lacking)
    for tool in builtin_tools().values()
    for one in tool.alternatives
    # The kernel takes CAP_SYS_ADMIN for the others too: beside it none of them is missed.
    for lacking in (set(tool.needs(one)) & ALONE or tool.needs(one))
]


def alternative_of(tool: str, name: str) -> Alternative:
    found = next(one for one in find_tool(tool).alternatives if one.name == name)
    if any(attach.probe.startswith(("kprobe:", "kretprobe:")) for attach in found.attach) and not KPROBE_TYPE.exists():
        pytest.skip("this kernel has no kprobes; tests/vm has one with them")
    return found


@pytest.fixture
def work(tool: str) -> Iterator[Workload]:
    if tool == "tcpretrans":  # nothing is lost on the way to oneself, but to a server that has no room
        with workload("unanswered", 3) as one:
            yield one
    else:
        with workload("stir", ROUNDS, module="tests.kernel.stir") as one:
            yield one


@pytest.mark.parametrize(("tool", "alternative"), WAYS)
def test_what_is_stated_is_enough(nobodys_state: Path, work: Workload, tool: str, alternative: str) -> None:
    needed = find_tool(tool).needs(alternative_of(tool, alternative))
    with tracing_child(tool, nobodys_state, needed, alternative=alternative, params=PARAMS.get(tool)) as child:
        attached = child.hear()
        assert isinstance(attached, Attached), attached
        assert attached.alternative == alternative
        status = Path(f"/proc/{child.pid}/status").read_text()
        work.run()
        measured = child.stop()
    assert measured.cost.events > 0
    assert recorded(tool, measured.snapshot) > 0
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert fields["Uid"].split() == ["65534"] * 4
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"
    assert fields["CapPrm"] == fields["CapEff"] == fields["CapAmb"] == fields["CapInh"] == fields["CapBnd"]


@pytest.mark.parametrize(("tool", "alternative", "lacking"), LESS)
def test_one_capability_less_is_refused(nobodys_state: Path, tool: str, alternative: str, lacking: str) -> None:
    left = [name for name in find_tool(tool).needs(alternative_of(tool, alternative)) if name != lacking]
    with tracing_child(tool, nobodys_state, left, alternative=alternative, params=PARAMS.get(tool)) as child:
        failed = child.hear()
    assert isinstance(failed, Failed), failed
    assert failed.code == "attach-failed"


def test_tracefs_is_closed_to_that_user() -> None:
    """What is shown above holds where tracefs is as kernels mount it."""
    mode = Path("/sys/kernel/tracing").stat().st_mode & 0o777
    assert mode == 0o700, f"tracefs has mode {mode:o} here: nothing is shown of hosts where it is closed"
    assert as_user(("CAP_BPF",))[-1] == "-all,+bpf"
