"""Tools as a controller would list them."""

from fleettrace.model.output import ResultKind
from fleettrace.model.params import Param
from fleettrace.model.tool import ToolListing

__all__ = ["tools"]


def tools() -> list[ToolListing]:
    """One with a README and a parameter, one without."""
    readme = "# runqlat\n\nHow long runnable tasks **wait** for a CPU.\n\n## Cost\n\n- 70 ns a hit\n- 300 ns an event\n"
    pid = Param("pid", 0, 0, 4_194_304, "Only this process (its process id; 0 for all).")
    return [
        ToolListing(
            name="runqlat",
            digest="9f86d081884c7d65" * 4,
            question="How long do runnable tasks wait for a CPU?",
            result=ResultKind.HISTOGRAM,
            params=(pid,),
            capabilities=("CAP_BPF", "CAP_PERFMON"),
            probes=("raw_tracepoint:sched_wakeup", "raw_tracepoint:sched_switch"),
            readme=readme,
        ),
        ToolListing(
            "syscount", "ab" * 32, "Which system calls?", ResultKind.COUNTS, (), (), ("raw_tracepoint:sys_enter",), ""
        ),
    ]
