"""A small tool and plans for it, without a kernel."""

from pathlib import Path

from fleettrace.model.attach import Alternative, Attach
from fleettrace.model.output import Decode, KeyField, ResultKind
from fleettrace.model.params import Param
from fleettrace.model.run import RunKind
from fleettrace.model.tool import Cost, ToolDefinition
from node_agent.backends import TracePlan


def small_tool(directory: Path) -> ToolDefinition:
    return ToolDefinition(
        name="small",
        digest="0" * 64,
        question="?",
        result=ResultKind.COUNTS,
        unit="calls",
        capabilities=("CAP_BPF", "CAP_PERFMON"),
        optional_capabilities={},
        cost=Cost(hit_ns=1, event_ns=1),
        params=(Param("rate_hz", 9, 1, 99, "?"), Param("width", 0, 0, 99, "?"), Param("depth", 0, 0, 99, "?")),
        alternatives=(Alternative("", "", (Attach("on_sample", "perf_event:cpu-clock", "rate_hz"),)),),
        decode=Decode("counts", key=(KeyField("process", "comm"), KeyField("n", "u32"))),
        directory=directory,
        program_text="int on_sample(void *ctx) { return 0; }\n",
        readme="",
    )


def small_plan(directory: Path, kind: RunKind = RunKind.TRACE) -> TracePlan:
    tool = small_tool(directory)
    return TracePlan(tool, kind, tool.resolve_params({}), None, 1 << 20, str(directory / "state"))
