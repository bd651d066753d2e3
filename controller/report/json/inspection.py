"""What hosts answered to questions besides traces."""

from collections.abc import Sequence

from controller.analysis.probe_differences import differences
from controller.report.json.fields import Document
from fleettrace.inspection.document import SCHEMA, doctor_document
from fleettrace.model.inspection import AskedHost, HostAnswer, ProbeArgument, ProbeList, Unanswered

__all__ = ["doctors_document", "probes_document"]


def doctors_document(answers: Sequence[HostAnswer]) -> Document:
    """``fleettrace.doctor/1``: what each host can trace, and what keeps it from the rest."""
    ordered = sorted(answers, key=lambda answer: answer.host)
    return {"schema": SCHEMA, "hosts": [doctor_document(answer) for answer in ordered]}


def probes_document(asked: Sequence[AskedHost], answers: Sequence[HostAnswer]) -> Document:
    """``fleettrace.probes/1``: the probes of each host that answered, and where they differ."""
    findings = {answer.host: answer.finding for answer in answers}
    ordered = sorted(asked, key=lambda one: one.host)
    spoken = [(one, found) for one in ordered if isinstance(found := findings.get(one.host), ProbeList)]
    different = differences(spoken)
    return {
        "schema": "fleettrace.probes/1",
        "answers": [_answer(one, findings.get(one.host)) for one in ordered],
        "differences": [
            {
                "probes": list(one.probes),
                "only_on": [host for who in one.present for host in who.hosts],
                "not_on": [host for who in one.absent for host in who.hosts],
            }
            for one in different.presence
        ],
        "argument_differences": [
            {
                "probe": one.probe,
                "forms": [
                    {"arguments": _arguments(form), "on": [host for who in hosts for host in who.hosts]}
                    for form, hosts in one.forms
                ],
            }
            for one in different.arguments
        ],
        "not_compared": [host for one in different.cut for host in one.hosts],
    }


def _answer(asked: AskedHost, finding: object) -> Document:
    found = finding if isinstance(finding, ProbeList) else None
    return {
        "host": asked.host,
        "kernel": asked.kernel,
        "speaks_for": list(asked.speaks_for),
        "answered": found is not None,
        "reason": finding.reason if isinstance(finding, Unanswered) else "",
        "matched": found.matched if found is not None else 0,
        "notes": list(found.notes) if found is not None else [],
        "unlisted": list(found.unlisted) if found is not None else [],
        "probes": []
        if found is None
        else [
            {"probe": probe.name, "readable": probe.readable, "arguments": _arguments(probe.arguments)}
            for probe in found.probes
        ],
    }


def _arguments(arguments: Sequence[ProbeArgument]) -> list[Document]:
    return [{"name": argument.name, "type": argument.type} for argument in arguments]
