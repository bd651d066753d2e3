"""The pure state machine of one run on this host: what the child, the clock and the controller say, in; orders, out.

::

    starting --Attached--> tracing --final Measured--> ended
        |                     |  \\--Stop / lease over / overdue--> ending --final Measured or exit--> ended
        \\--Failed or exit-----+---------------------------------------------------------------------> ended

A run that has ended hears nothing more. Whatever happens, exactly one final part comes out.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil

from fleettrace.model.run import Part, RunCost, RunKind, RunOutcome, StartRun
from fleettrace.snapshot import EMPTY
from node_agent.child.protocol import Attached, ChildMessage, Failed, Measured, Sample

__all__ = [
    "ChildExited",
    "CommonStart",
    "Emit",
    "EndChild",
    "Instruction",
    "KillChild",
    "Overdue",
    "Phase",
    "Report",
    "Session",
    "SessionEvent",
    "StopAsked",
    "apply",
]


LATE_S = 0.25
"""A host that attached by so much later than its wave was to says so; attaching takes some time everywhere."""


class Phase(StrEnum):
    """Where a run stands on its host."""

    STARTING = "starting"
    TRACING = "tracing"
    ENDING = "ending"
    """The child was asked to hand in what it has."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class StopAsked:
    """The controller, the lease or the agent's own end wants the run over."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChildExited:
    """The child is gone; ``status`` as of ``subprocess``: negative for a signal."""

    status: int
    stderr_tail: str = ""


@dataclass(frozen=True, slots=True)
class Overdue:
    """The child has had all the time it was allowed in this phase."""


SessionEvent = ChildMessage | StopAsked | ChildExited | Overdue


@dataclass(frozen=True, slots=True)
class EndChild:
    """Ask the child to detach and hand in what it has."""


@dataclass(frozen=True, slots=True)
class KillChild:
    """Kill the child; the kernel detaches its probes."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the controller how far the run is."""

    elapsed_ms: int
    cost: RunCost


@dataclass(frozen=True, slots=True)
class Emit:
    """Send this part; a final one until it is acknowledged."""

    part: Part


Instruction = EndChild | KillChild | Report | Emit


@dataclass(frozen=True, slots=True)
class CommonStart:
    """When the hosts of a wave attach, and how far the controller's clock is known.

    ``attach_at_s`` is on this host's monotonic clock (0: at once). ``offset_ms`` is that of the controller's clock from
    it (None: not known yet), and may be wrong by ``uncertainty_ms``, either way.
    """

    attach_at_s: float = 0.0
    offset_ms: float | None = None
    uncertainty_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """One run as it stands: the newest interim result is what remains when the child dies."""

    order: StartRun
    backend: str
    phase: Phase = Phase.STARTING
    alternative: str = ""
    build_id: str = ""
    started_at_ms: int = 0
    elapsed_ms: int = 0
    cost: RunCost = field(default_factory=RunCost)
    interim: Measured | None = None
    stop_reason: str = ""
    start: CommonStart = CommonStart()
    attached_at_s: float = 0.0
    """On the monotonic clock; 0: not yet."""
    held: tuple[str, ...] = ()
    """What the child held in the kernel once its probes were attached."""


def apply(session: Session, event: SessionEvent) -> tuple[Session, tuple[Instruction, ...]]:
    """What one event makes of a run."""
    if session.phase is Phase.ENDED:
        return session, ()
    match event:
        case Attached():
            traced = replace(
                session,
                started_at_ms=event.at_ms,
                backend=event.backend,
                alternative=event.alternative,
                build_id=event.build_id,
                attached_at_s=event.at_s,
                held=event.held,
            )
            if session.phase is Phase.STARTING:
                traced = replace(traced, phase=Phase.TRACING)
            return traced, (Report(0, RunCost()),)
        case Sample():
            return replace(session, elapsed_ms=event.elapsed_ms, cost=event.cost), (
                Report(event.elapsed_ms, event.cost),
            )
        case Measured():
            return _measured(session, event)
        case Failed():
            return _end(session, RunOutcome.FAILED, event.reason, None)
        case StopAsked():
            if session.phase is Phase.ENDING:
                return session, ()
            return replace(session, phase=Phase.ENDING, stop_reason=event.reason), (EndChild(),)
        case Overdue():
            reason = session.stop_reason or "the tracing child did not end in time"
            ended, emitted = _died(session, reason)
            return ended, (KillChild(), *emitted)
        case ChildExited():
            how = f"was killed by signal {-event.status}" if event.status < 0 else f"exited with status {event.status}"
            tail = f": {event.stderr_tail}" if event.stderr_tail else ""
            return _died(session, session.stop_reason or f"the tracing child {how}{tail}")


def _measured(session: Session, event: Measured) -> tuple[Session, tuple[Instruction, ...]]:
    if not event.final:
        known = replace(session, elapsed_ms=event.elapsed_ms, cost=event.cost, interim=event)
        part = _part(known, RunOutcome.PARTIAL, "still running", event, final=False)
        return known, (Report(event.elapsed_ms, event.cost), Emit(part))
    if not event.stopped:
        # A stop that came while the child was already handing in the whole window has stopped nothing.
        return _end(session, RunOutcome.COMPLETE, "", event)
    return _end(session, RunOutcome.PARTIAL, session.stop_reason or event.stopped, event)


def _died(session: Session, reason: str) -> tuple[Session, tuple[Instruction, ...]]:
    """The child ended without a final result: the newest interim one is kept, with the counters of its moment."""
    if session.interim is not None:
        return _end(session, RunOutcome.PARTIAL, reason, session.interim)
    if session.order.kind is not RunKind.TRACE and session.elapsed_ms > 0:
        counted = Measured(session.elapsed_ms, session.cost, EMPTY, final=True)
        return _end(session, RunOutcome.PARTIAL, reason, counted)
    return _end(session, RunOutcome.FAILED, reason, None)


def _end(
    session: Session, outcome: RunOutcome, reason: str, measured: Measured | None
) -> tuple[Session, tuple[Instruction, ...]]:
    ended = replace(session, phase=Phase.ENDED)
    return ended, (Emit(_part(ended, outcome, reason, measured, final=True)),)


def _part(session: Session, outcome: RunOutcome, reason: str, measured: Measured | None, *, final: bool) -> Part:
    return Part(
        run=session.order.run,
        kind=session.order.kind,
        outcome=outcome,
        reason=reason,
        backend=session.backend,
        started_at_ms=session.started_at_ms,
        duration_ms=measured.elapsed_ms if measured else 0,
        cost=measured.cost if measured else RunCost(),
        snapshot=measured.snapshot if measured else EMPTY,
        final=final,
        alternative=session.alternative,
        notes=(*_start_notes(session), *measured.notes) if measured else (),
        build_id=session.build_id,
        started_at_controller_ms=_by_controller_ms(session),
        clock_uncertainty_ms=ceil(session.start.uncertainty_ms) if _by_controller_ms(session) else 0,
    )


def _by_controller_ms(session: Session) -> int:
    offset_ms = session.start.offset_ms
    return round(session.attached_at_s * 1000 + offset_ms) if session.attached_at_s and offset_ms is not None else 0


def _start_notes(session: Session) -> tuple[str, ...]:
    """What a reader must know of a host that did not begin together with the others of its wave."""
    if not session.order.start_at_ms or not session.attached_at_s:
        return ()
    if not session.start.attach_at_s:
        return ("it did not wait for the others of its wave: its clock was not compared with the controller's yet",)
    late_s = session.attached_at_s - session.start.attach_at_s
    return (f"it began {late_s:.1f} s after its wave was to begin",) if late_s > LATE_S else ()
