"""Questions besides traces and their answers on the wire."""

from fleettrace.errors import Malformed
from fleettrace.model.inspection import (
    About,
    Answer,
    AskedHost,
    Check,
    ClockOffset,
    DoctorQuestion,
    DoctorReport,
    Finding,
    Grade,
    HostAnswer,
    ProbeArgument,
    ProbeList,
    ProbePoint,
    ProbesQuestion,
    Question,
    ToolTrial,
    TrialOutcome,
    Unanswered,
)
from fleettrace.wire.codec.fields import parse_choice, parse_host_name, parse_id, parse_number, wire_text
from fleettrace.wire.limits import MAX_PROBES
from fleettrace.wire.v1 import control_pb2 as control
from fleettrace.wire.v1 import inspection_pb2 as pb

__all__ = [
    "about_from_wire",
    "about_to_wire",
    "answer_from_wire",
    "answer_to_wire",
    "asked_host_from_wire",
    "asked_host_to_wire",
    "host_answer_from_wire",
    "host_answer_to_wire",
    "question_from_wire",
    "question_to_wire",
]

NO_REASON = "no reason was given"
"""Of a peer that says nothing of why: what is read is what would be sent on."""

MAX_CHECKS = 1_000


def about_to_wire(about: About) -> pb.About:
    """What is asked."""
    if isinstance(about, DoctorQuestion):
        return pb.About(doctor=pb.DoctorQuestion())
    return pb.About(
        probes=pb.ProbesQuestion(
            pattern=wire_text(about.pattern),
            binary=wire_text(about.binary),
            pid=about.pid,
            usdt=about.usdt,
            max_probes=about.max_probes,
        )
    )


def about_from_wire(message: pb.About) -> About:
    """Raises :class:`Malformed` for a kind of question that this version does not know."""
    match message.WhichOneof("kind"):
        case "doctor":
            return DoctorQuestion()
        case "probes":
            asked = message.probes
            return ProbesQuestion(asked.pattern, asked.binary, asked.pid, asked.usdt, asked.max_probes)
        case _:
            raise Malformed("this version does not know what is asked: install the same fleettrace on both sides")


def question_to_wire(question: Question) -> pb.Question:
    """A question to one host."""
    return pb.Question(
        question_id=question.question_id,
        answer_within_ms=question.answer_within_ms,
        about=about_to_wire(question.about),
    )


def question_from_wire(message: pb.Question) -> Question:
    """Raises :class:`Malformed` for no id, no time, or an unknown kind."""
    if message.answer_within_ms < 1:
        raise Malformed("a question needs a time within which to answer it")
    question_id = parse_id(message.question_id, "question's id")
    return Question(question_id, message.answer_within_ms, about_from_wire(message.about))


def answer_to_wire(answer: Answer) -> pb.Answer:
    """A host's answer."""
    return pb.Answer(
        question_id=answer.question_id,
        received_at_us=answer.received_at_us,
        answered_at_us=answer.answered_at_us,
        finding=_finding_to_wire(answer.finding),
    )


def answer_from_wire(message: pb.Answer) -> Answer:
    """Raises :class:`Malformed` for one that is not of the contract, or larger than it allows."""
    return Answer(
        question_id=parse_id(message.question_id, "question's id"),
        received_at_us=parse_number(message.received_at_us, "time of the question"),
        answered_at_us=parse_number(message.answered_at_us, "time of the answer"),
        finding=_finding_from_wire(message.finding),
    )


def _finding_to_wire(finding: Finding) -> pb.Finding:
    match finding:
        case Unanswered(reason):
            return pb.Finding(unanswered=wire_text(reason) or NO_REASON)
        case ProbeList():
            return pb.Finding(probes=_probes_to_wire(finding))
        case DoctorReport():
            return pb.Finding(doctor=_report_to_wire(finding))


def _finding_from_wire(message: pb.Finding) -> Finding:
    match message.WhichOneof("kind"):
        case "unanswered":
            return Unanswered(message.unanswered or NO_REASON)
        case "probes":
            return _probes_from_wire(message.probes)
        case "doctor":
            return _report_from_wire(message.doctor)
        case _:
            raise Malformed("the answer holds nothing that this version knows")


def _probes_to_wire(found: ProbeList) -> pb.ProbeList:
    return pb.ProbeList(
        probes=[
            pb.ProbePoint(
                name=wire_text(probe.name),
                arguments=[
                    pb.ProbeArgument(name=wire_text(argument.name), type=wire_text(argument.type))
                    for argument in probe.arguments
                ],
                readable=wire_text(probe.readable),
            )
            for probe in found.probes
        ],
        matched=found.matched,
        notes=[wire_text(note) for note in found.notes],
        unlisted=found.unlisted,
    )


def _probes_from_wire(message: pb.ProbeList) -> ProbeList:
    if not len(message.probes) <= min(message.matched, MAX_PROBES):
        raise Malformed(f"an answer names at most {MAX_PROBES} probes, and none that did not match")
    return ProbeList(
        probes=tuple(
            ProbePoint(probe.name, tuple(ProbeArgument(one.name, one.type) for one in probe.arguments), probe.readable)
            for probe in message.probes
        ),
        matched=message.matched,
        notes=tuple(message.notes),
        unlisted=tuple(message.unlisted),
    )


def _report_to_wire(report: DoctorReport) -> pb.DoctorReport:
    return pb.DoctorReport(
        checks=[
            pb.Check(name=check.name, grade=check.grade, found=wire_text(check.found), mend=wire_text(check.mend))
            for check in report.checks
        ],
        tools=[
            pb.ToolTrial(
                tool=trial.tool,
                outcome=trial.outcome,
                alternative=wire_text(trial.alternative),
                reason=wire_text(trial.reason),
                mend=wire_text(trial.mend),
            )
            for trial in report.tools
        ],
    )


def _report_from_wire(message: pb.DoctorReport) -> DoctorReport:
    if max(len(message.checks), len(message.tools)) > MAX_CHECKS:
        raise Malformed(f"a report has at most {MAX_CHECKS} checks and as many tools")
    return DoctorReport(
        checks=tuple(
            Check(check.name, parse_choice(Grade, check.grade, "grade"), check.found, check.mend)
            for check in message.checks
        ),
        tools=tuple(
            ToolTrial(
                trial.tool,
                parse_choice(TrialOutcome, trial.outcome, "outcome of a trial"),
                trial.alternative,
                trial.reason,
                trial.mend,
            )
            for trial in message.tools
        ),
    )


def asked_host_to_wire(asked: AskedHost) -> control.AskedHost:
    """A host that is asked, and for whom it answers."""
    return control.AskedHost(host=asked.host, kernel=wire_text(asked.kernel), speaks_for=asked.speaks_for)


def asked_host_from_wire(message: control.AskedHost) -> AskedHost:
    """Raises :class:`Malformed` for a name that no host can have."""
    return AskedHost(
        parse_host_name(message.host), message.kernel, tuple(parse_host_name(name) for name in message.speaks_for)
    )


def host_answer_to_wire(answer: HostAnswer) -> control.HostAnswer:
    """What a host answered."""
    message = control.HostAnswer(host=answer.host, finding=_finding_to_wire(answer.finding))
    if answer.clock is not None:
        message.clock.offset_us = answer.clock.offset_us
        message.clock.uncertainty_us = answer.clock.uncertainty_us
    return message


def host_answer_from_wire(message: control.HostAnswer) -> HostAnswer:
    """Raises :class:`Malformed` when any part of it does."""
    clock = message.clock
    offset = ClockOffset(clock.offset_us, clock.uncertainty_us) if message.HasField("clock") else None
    return HostAnswer(parse_host_name(message.host), _finding_from_wire(message.finding), offset)
