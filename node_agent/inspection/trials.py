"""Each tool loaded and attached for a moment, as a run would: what works here is shown and not guessed.

A trial has a process of its own, which bounds itself like a tracing child and keeps no capability that a run of the
tool would not have. It lets only its own events through, reads nothing, and is over once the last probe is attached.
"""

import json
import os
import signal
from collections.abc import Callable, Collection
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from fleettrace.catalog import builtin_tools
from fleettrace.errors import AttachFailed, BadParameter, FleettraceError, Refused
from fleettrace.model.capability import CAPABILITY_NAMES
from fleettrace.model.inspection import ToolTrial, TrialOutcome
from fleettrace.model.run import RunKind
from fleettrace.model.tool import ToolDefinition
from node_agent import guard
from node_agent.backends import TracePlan, open_tracer
from node_agent.child.confinement import confine_child
from node_agent.inspection.setting import InspectionSetting
from node_agent.kernel.capabilities import effective_capabilities
from node_agent.kernel.deadline import KillTimer, die_with_parent

__all__ = ["in_child", "try_tools"]

TRIAL_LIMIT_S = 40.0
"""One tool; compiling takes most of it, where the object is not there yet."""
_MAX_RESULT_BYTES = 64 * 1024
_MAX_REASON_CHARS = 400


def try_tools(setting: InspectionSetting, policy: guard.HostPolicy) -> tuple[ToolTrial, ...]:
    """Every tool of this installation, in order of their names."""
    available = effective_capabilities()
    return tuple(_try(tool, setting, policy, available) for tool in builtin_tools().values())


def _try(
    tool: ToolDefinition, setting: InspectionSetting, policy: guard.HostPolicy, available: Collection[str]
) -> ToolTrial:
    try:
        params = tool.resolve_params({"pid": os.getpid()} if "pid" in tool.filters else {})
    except BadParameter as error:
        return ToolTrial(tool.name, TrialOutcome.UNTRIED, reason=f"it needs to be told what to trace: {error}")
    if not policy.allows_tool(tool.name):
        return ToolTrial(tool.name, TrialOutcome.UNTRIED, reason=f"it may not run on this host ({policy.origin})")
    try:
        allowed = guard.capabilities_for(policy, tool, CAPABILITY_NAMES, "this host", available)
    except Refused as error:
        return ToolTrial(tool.name, TrialOutcome.UNTRIED, reason=str(error))
    except FleettraceError as error:
        return ToolTrial(tool.name, TrialOutcome.FAILS, reason=str(error))
    trial = ToolTrial(tool.name, TrialOutcome.FAILS)
    for way in tool.ways(allowed):
        plan = TracePlan(
            tool.only(way.alternatives), RunKind.TRACE, params, None, policy.max_map_bytes, str(setting.state_directory)
        )
        trial = in_child(tool.name, partial(_attach, plan, setting.backend, way.capabilities))
        if trial.outcome is TrialOutcome.WORKS:
            return trial
    return replace(trial, reason="; ".join(filter(None, (trial.reason, tool.out_of_reach(allowed)))))


def _attach(plan: TracePlan, backend: str, capabilities: tuple[str, ...]) -> ToolTrial:
    """In the trial's own process."""
    confine_child(capabilities)
    tracer = open_tracer(backend, plan)
    try:
        tracer.attach()
        return ToolTrial(plan.tool.name, TrialOutcome.WORKS, alternative=tracer.alternative)
    finally:
        tracer.close()


def in_child(name: str, perform: Callable[[], ToolTrial], limit_s: float = TRIAL_LIMIT_S) -> ToolTrial:
    """Perform a trial in a process that ends with it, or is ended."""
    parent_pid = os.getpid()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            die_with_parent(parent_pid)
            KillTimer().arm(limit_s)
            os.write(writing, json.dumps(asdict(_performed(name, perform))).encode()[:_MAX_RESULT_BYTES])
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read(_MAX_RESULT_BYTES)
    _, status = os.waitpid(pid, 0)
    return _read(name, data, status, limit_s)


def _performed(name: str, perform: Callable[[], ToolTrial]) -> ToolTrial:
    try:
        return perform()
    except AttachFailed as error:
        mend = (
            "nothing on this kernel: its other tools and the other hosts still answer"
            if "this kernel has no" in str(error)
            else ""
        )
        return ToolTrial(name, TrialOutcome.FAILS, reason=str(error)[:_MAX_REASON_CHARS], mend=mend)
    except FleettraceError as error:
        return ToolTrial(name, TrialOutcome.FAILS, reason=str(error)[:_MAX_REASON_CHARS])
    except Exception as error:  # noqa: BLE001  one tool's defect must not hide what the others do
        return ToolTrial(name, TrialOutcome.FAILS, reason=f"its trial failed: {type(error).__name__}: {error}")


def _read(name: str, data: bytes, status: int, limit_s: float) -> ToolTrial:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return ToolTrial(name, TrialOutcome.FAILS, reason=f"it was not attached within {limit_s:g} s")
    try:
        said: dict[str, Any] = json.loads(data)
        return ToolTrial(**{**said, "outcome": TrialOutcome(said["outcome"])})
    except (ValueError, KeyError, TypeError):
        return ToolTrial(name, TrialOutcome.FAILS, reason=f"its trial ended with status {status} and no verdict")
