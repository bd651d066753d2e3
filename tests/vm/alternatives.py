"""Runs in a guest, and here: which of some alternatives of one tool the kernel takes, and what it counts.

``python alternatives.py STATE PID NAME ...``, with an agent's state directory: prints ``attached`` and, after a line of
input, what was counted, as JSON; or why nothing could be attached.
"""

import json
import sys
from dataclasses import replace

from fleettrace.catalog import find_tool
from fleettrace.errors import FleettraceError
from fleettrace.model.attach import Alternative, Attach
from fleettrace.model.run import RunKind
from node_agent.backends import TracePlan
from node_agent.backends.bcc.tracer import BccTracer

CHOICES = {
    "no_tracepoint": Alternative("no_tracepoint", "faults", (Attach("on_any_fault", "raw_tracepoint:no_such_point"),)),
    "no_function": Alternative("no_function", "faults", (Attach("on_any_fault", "kprobe:no_such_function"),)),
    "kprobe": Alternative("kprobe", "faults", (Attach("on_any_fault", "kprobe:handle_mm_fault"),)),
    "kretprobe": Alternative("kretprobe", "faults", (Attach("on_any_fault", "kretprobe:handle_mm_fault"),)),
}


def main() -> None:
    tool = find_tool("pagefaults")
    state, pid, *names = sys.argv[1:]
    tool = replace(tool, alternatives=tuple(CHOICES[name] for name in names))
    params = {**tool.resolve_params({}), "pid": int(pid)}
    tracer = BccTracer(TracePlan(tool, RunKind.TRACE, params, None, 64 << 20, state))
    try:
        tracer.attach()
        print("attached", flush=True)
        sys.stdin.readline()
        tracer.detach()
        print(json.dumps({"alternative": tracer.alternative, "events": tracer.stats().events}))
    except FleettraceError as error:
        print(json.dumps({"refused": str(error)}))
    finally:
        tracer.close()


if __name__ == "__main__":
    main()
