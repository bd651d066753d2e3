"""The agent's own tracing child, started as a service manager would: as another user, with some capabilities."""

import os
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fleettrace.catalog import find_tool
from fleettrace.model.params import ParamValue
from fleettrace.model.run import RunKind
from node_agent.child.protocol import Attached, ChildMessage, ChildPlan, Failed, Measured, decode_message, encode
from node_agent.launcher import interpreter
from tests.kernel.support import MAX_MAP_BYTES, NOBODY

DURATION_MS = 30_000


def as_user(capabilities: Collection[str], uid: int = NOBODY) -> list[str]:
    """A command that runs another as this user with these capabilities ambient, and that can never have more."""
    names = ",".join(["-all", *(f"+{name.removeprefix('CAP_').lower()}" for name in capabilities)])
    return [
        *("setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", "--no-new-privs"),
        *("--inh-caps", names, "--ambient-caps", names, "--bounding-set", names),
    ]


class TracingChild:
    """One that has been told its plan."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def hear(self) -> ChildMessage:
        """What it says next that is no sample."""
        assert self._process.stdout is not None
        while True:
            message = decode_message(self._process.stdout.readline())
            if isinstance(message, Attached | Failed) or (isinstance(message, Measured) and message.final):
                return message

    def stop(self) -> Measured:
        """End its run; its result."""
        self._process.send_signal(signal.SIGTERM)
        measured = self.hear()
        assert isinstance(measured, Measured), measured
        return measured


@contextmanager
def tracing_child(
    tool: str,
    state: Path,
    capabilities: Collection[str],
    *,
    alternative: str = "",
    uid: int = NOBODY,
    params: Mapping[str, ParamValue] | None = None,
) -> Iterator[TracingChild]:
    """Start one for an alternative of a tool; it ends with the context."""
    definition = find_tool(tool)
    plan = ChildPlan(
        backend="bcc",
        tool=tool,
        digest=definition.digest,
        kind=RunKind.TRACE,
        params=definition.resolve_params(params or {}),
        scope="",
        duration_ms=DURATION_MS,
        max_events_per_s=1 << 40,
        max_cpu_pct=1e9,
        max_map_bytes=MAX_MAP_BYTES,
        capabilities=tuple(capabilities),
        state_directory=str(state),
        parent_pid=os.getpid(),
        alternatives=(alternative,),
    )
    process = subprocess.Popen(
        [*as_user(capabilities, uid), interpreter(), "-I", "-m", "node_agent.child.main"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(encode(plan))
        process.stdin.close()
        yield TracingChild(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
