"""Asking hosts something besides a trace: the answers, with what goes on told meanwhile."""

from controller.cli.terminal import Terminal
from controller.streams import InspectionStream
from fleettrace.errors import Malformed
from fleettrace.model.inspection import AskedHost, HostAnswer, Unanswered
from fleettrace.model.names import counted

__all__ = ["collect"]

MAX_TOLD = 20
"""Hosts whose answers are told one by one; of more the sum alone."""


def collect(stream: InspectionStream, terminal: Terminal) -> tuple[tuple[AskedHost, ...], list[HostAnswer]]:
    """Who was asked, and all answers; each host that answers is told of on stderr as it does.

    Raises:
        Malformed: the controller did not say who is asked.
    """
    asked: tuple[AskedHost, ...] = ()
    answers: list[HostAnswer] = []
    for reply in stream:
        if not isinstance(reply, HostAnswer):
            asked = reply
            terminal.note("asking", counted(len(asked), "host"))
            continue
        answers.append(reply)
        if len(asked) <= MAX_TOLD or len(answers) == len(asked):
            said = "no answer" if isinstance(reply.finding, Unanswered) else "answered"
            terminal.note(said, f"{reply.host} ({len(answers)} of {len(asked)})")
    if not asked or {answer.host for answer in answers} != {one.host for one in asked}:
        raise Malformed("the controller did not answer for every host that it asked: see its log")
    return asked, answers
