"""``python -m node_agent.backends.record TOOL FILE``: record a sample for the replay backend, on a kernel that traces.

Takes a frequency check and then a trace, each of ``--window`` seconds, of the whole machine or of ``--scope``, while
``--workload``, a shell command, runs. Without a scope, what others ran meanwhile is recorded too: look at it before
sharing it.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError
from fleettrace.model.run import RunKind
from node_agent.backends import TracePlan, open_tracer
from node_agent.backends.sample import Recording, Sample, write_sample
from node_agent.kernel.cgroups import resolve_scope

__all__ = ["main", "record"]

_MAX_MAP_BYTES = 256 << 20
_WARM_UP_S = 0.3


def record(plan: TracePlan, window_s: float) -> Recording:
    """One run on this kernel.

    Raises:
        Unfit: this machine cannot run it.
    """
    tracer = open_tracer("bcc", plan)
    try:
        tracer.attach()
        started_s = time.monotonic()
        while (left_s := started_s + window_s - time.monotonic()) > 0:
            time.sleep(min(0.1, left_s))
            tracer.stats()  # looks at new processes
        tracer.detach()
        measured_s = time.monotonic() - started_s
        snapshot = tracer.snapshot()
        return Recording(round(measured_s, 3), tracer.stats(), snapshot)
    finally:
        tracer.close()


def main() -> int:
    """Serve the command line; see the module's text."""
    parser = argparse.ArgumentParser(description="Record a sample of a tool for the replay backend.")
    parser.add_argument("tool")
    parser.add_argument("file", type=Path)
    parser.add_argument("--window", type=float, default=1.0, help="seconds (default 1)")
    parser.add_argument("--scope", default="", help="only this cgroup and its children; the workload runs in it")
    parser.add_argument("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="of the tool")
    parser.add_argument("--workload", default="", help="a shell command that runs meanwhile")
    parser.add_argument("--state-directory", required=True, help="where compiled objects are kept")
    options = parser.parse_args()
    workload = None
    try:
        tool = find_tool(options.tool)
        params = tool.parse_params(dict(given.split("=", 1) for given in options.param if "=" in given))
        scope = resolve_scope(options.scope) if options.scope else None
        if options.workload:
            place = str(scope.path / "cgroup.procs") if scope is not None else "/dev/null"
            command = ["sh", "-c", 'echo $$ > "$0" && exec sh -c "$1"', place, options.workload]
            workload = subprocess.Popen(command, start_new_session=True)
            time.sleep(_WARM_UP_S)
        check, trace = (
            record(TracePlan(tool, kind, params, scope, _MAX_MAP_BYTES, options.state_directory), options.window)
            for kind in (RunKind.FREQUENCY_CHECK, RunKind.TRACE)
        )
    except FleettraceError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    finally:
        if workload is not None:
            os.killpg(workload.pid, signal.SIGKILL)
            workload.wait()
    system = os.uname()
    sample = Sample(tool.name, system.release, system.machine, params, options.workload, check, trace)
    write_sample(options.file, sample)
    print(f"{options.file}: {trace.stats.events} events, {trace.stats.lost_events} lost, in {trace.window_s} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
