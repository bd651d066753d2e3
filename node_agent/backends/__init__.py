"""What traces: BCC on a real kernel, or recorded real samples. One port for both."""

from fleettrace.errors import BadInput
from node_agent.backends.bpftrace.plan import OneLinerPlan
from node_agent.backends.port import ProbeStats, TracePlan, Tracer

__all__ = ["BACKENDS", "OneLinerPlan", "ProbeStats", "TracePlan", "Tracer", "open_one_liner", "open_tracer"]

BACKENDS = ("bcc", "replay")


def open_tracer(backend: str, plan: TracePlan) -> Tracer:
    """A tracer for a plan; nothing touches the kernel before :meth:`Tracer.attach`.

    Args:
        backend: one of :data:`BACKENDS`.
        plan: what to run.

    Raises:
        BadInput: no such backend, or it has nothing to play for this tool.
    """
    # Imported where needed: a replay needs none of the kernel's parts, and a tracing child should stay small.
    match backend:
        case "bcc":
            from node_agent.backends.bcc.tracer import BccTracer  # noqa: PLC0415

            return BccTracer(plan)
        case "replay":
            from node_agent.backends.replay import ReplayTracer  # noqa: PLC0415

            return ReplayTracer(plan)
        case _:
            raise BadInput(f"there is no backend {backend!r}; there are: {', '.join(BACKENDS)}")


def open_one_liner(backend: str, plan: OneLinerPlan) -> Tracer:
    """A tracer for a one-liner on a host that traces by ``backend`` otherwise.

    Raises:
        BadInput: the host plays recordings.
    """
    if backend == "replay":
        raise BadInput("this host plays recordings, and nobody has recorded this program")
    from node_agent.backends.bpftrace.tracer import BpftraceTracer  # noqa: PLC0415

    return BpftraceTracer(plan)
