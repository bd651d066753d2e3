"""A process that traces, for tests that stop, kill or confine it.

``python -m tests.kernel.tracer_process TOOL STATE_DIRECTORY [OPTION=VALUE ...]``; options: ``uid``, ``capabilities``
(by commas), ``kill_after_s``, ``parent``, ``window_s``, ``alternative``; all others are the tool's. Prints ``attached``
and, after the window, a :class:`Result` as JSON.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fleettrace.catalog import find_tool
from node_agent.backends.bcc.tracer import BccTracer
from node_agent.kernel.capabilities import confine
from node_agent.kernel.deadline import KillTimer, die_with_parent
from node_agent.kernel.syscalls import prctl
from tests.kernel.support import REPOSITORY, plan, recorded

OWN_OPTIONS = frozenset({"uid", "capabilities", "kill_after_s", "parent", "window_s", "alternative"})
_PR_SET_KEEPCAPS = 8


@dataclass(frozen=True)
class Result:
    """What a tracing process measured, and how large it became."""

    events: int
    recorded: int
    peak_rss_kb: int
    frames: list[str]
    notes: list[str]


class TracerProcess:
    """A tracing process that has attached."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def result(self) -> Result:
        """Wait for the end of its window."""
        assert self.process.stdout is not None
        return Result(**json.loads(self.process.stdout.readline()))


@contextmanager
def tracing(tool: str, state: Path, **options: object) -> Iterator[TracerProcess]:
    """Start one; it ends with the context."""
    arguments = [f"{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kernel.tracer_process", tool, str(state), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "attached\n"
        yield TracerProcess(process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    tool, state = sys.argv[1], Path(sys.argv[2])
    options = dict(argument.split("=", 1) for argument in sys.argv[3:])
    if "uid" in options:
        prctl(_PR_SET_KEEPCAPS, 1)
        os.setresgid(*[int(options["uid"])] * 3)
        os.setresuid(*[int(options["uid"])] * 3)
    if "capabilities" in options:
        confine(frozenset(options["capabilities"].split(",")))
    if "parent" in options:
        die_with_parent(int(options["parent"]))
    if "kill_after_s" in options:
        KillTimer().arm(float(options["kill_after_s"]))
    given = find_tool(tool).parse_params({name: text for name, text in options.items() if name not in OWN_OPTIONS})
    run = plan(tool, state, **given)  # type: ignore[arg-type]
    ways = tuple(one for one in run.tool.alternatives if one.name == options.get("alternative", one.name))
    tracer = BccTracer(replace(run, tool=replace(run.tool, alternatives=ways)))
    tracer.attach()
    print("attached", flush=True)
    time.sleep(float(options.get("window_s", "60")))
    tracer.detach()
    snapshot = tracer.snapshot()
    frames = sorted({frame for stack in snapshot.stacks for frame in stack.frames})
    # Not ru_maxrss: that one remembers the memory of the process which started this one (exec_mmap() in fs/exec.c).
    status = Path("/proc/self/status").read_text().splitlines()
    peak_rss_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    seen = Result(tracer.stats().events, recorded(tool, snapshot), peak_rss_kb, frames, list(tracer.notes()))
    print(json.dumps(asdict(seen)), flush=True)
    tracer.close()


if __name__ == "__main__":
    main()
