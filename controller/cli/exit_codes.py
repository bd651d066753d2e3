"""The exit codes of every command, in one place. Those of errors are given by :mod:`fleettrace.errors`."""

from collections.abc import Mapping
from enum import IntEnum, unique
from types import MappingProxyType
from typing import Self

from fleettrace.model.job import JobResult, JobState

__all__ = ["ExitCode", "exit_code_of"]

_INSTALLING = ("install", "upgrade", "uninstall")


def _of_jobs(meaning: str) -> dict[str, str]:
    """Of the commands that run a job and wait for it."""
    return dict.fromkeys(("run", "find-outlier"), meaning)


@unique
class ExitCode(IntEnum):
    """A number for scripts and its meaning for people.

    ``meaning`` holds for every command (empty: the code is only of some), ``of`` says more for the commands it names.
    """

    meaning: str
    of: Mapping[str, str]

    def __new__(cls, value: int, meaning: str = "", of: Mapping[str, str] = MappingProxyType({})) -> Self:
        """Make a member that is its number and knows its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning, member.of = meaning, of
        return member

    OK = 0, "done", {"run": "every targeted host answered", "find-outlier": "an outlier is confirmed"}
    DIFFERENT = 1, "", {"policy check": "a test of the file fails", "policy diff": "decisions change"}
    BAD_INPUT = 2, "what was typed or configured cannot be used as it is"
    REFUSED = 3, "policy said no; the message names the rule"
    NOT_FOUND = 4, "no such job or host"
    UNREACHABLE = 5, "the controller does not answer"
    UNFIT = 6, "", {"doctor": "some host cannot trace, or cannot run one of the tools"}
    STORE_FAILED = 7, "the database is not ours, read-only or damaged"
    ADDRESS_IN_USE = 8, "", {"serve": "the address to listen on is taken"}
    HOSTS_MISSING = (
        9,
        "",
        {
            "run": "the job is done, but not every targeted host answered",
            "find-outlier": "no host stands out, and not every targeted host answered",
            "doctor": "some host did not answer",
            "probes": "some host did not answer",
            **dict.fromkeys(_INSTALLING, "some hosts failed"),
        },
    )
    HELD = 10, "", _of_jobs("the canary was too quiet to judge (`--promote` goes on all the same)")
    ABORTED = 11, "", _of_jobs("the gate said no, too costly or a wave went wrong")
    CANCELLED = 12, "", _of_jobs("the job was cancelled")
    FAILED = 13, "", {**_of_jobs("no host could be measured"), **dict.fromkeys(_INSTALLING, "all hosts failed")}
    INTERRUPTED = 14, "", _of_jobs("the controller was restarted while the job ran; finished parts are kept")
    NOBODY_STANDS_OUT = 15, "", {"find-outlier": "no host stands out"}
    NOT_CONFIRMED = 16, "", {"find-outlier": "a host stood out, and running again did not confirm it"}
    UNAUTHENTICATED = 17, "no credential, or one that is unknown, expired, used or revoked"
    PREEMPTED = 18, "", _of_jobs("an incident job needed the hosts; finished parts are kept")
    INTERNAL = 70, "a defect of fleettrace, or two versions that do not fit"
    LEFT_RUNNING = 130, "Ctrl-C", _of_jobs("the job was left running")
    PIPE_CLOSED = 141, "whoever read the output closed it"

    def told(self) -> str:
        """The meaning for all commands, in Markdown: what holds for every one, then command by command."""
        by_meaning: dict[str, list[str]] = {}
        for command, meaning in self.of.items():
            by_meaning.setdefault(meaning, []).append(f"`{command}`")
        parts = [f"{', '.join(commands)}: {meaning}" for meaning, commands in by_meaning.items()]
        return "; ".join([self.meaning, *parts] if self.meaning else parts)

    def told_of(self, command: str) -> str:
        """The meaning for one command, in Markdown; empty: it never ends with this code."""
        if command == "serve" and self in _OF_ANSWERS:
            return ""
        return ": ".join(filter(None, (self.meaning, self.of.get(command, ""))))


_OF_ANSWERS = frozenset({ExitCode.REFUSED, ExitCode.NOT_FOUND, ExitCode.UNREACHABLE, ExitCode.UNAUTHENTICATED})
"""What a controller answers to others, and never to itself."""
_BY_STATE = {
    JobState.CHECKED: ExitCode.OK,
    JobState.HELD: ExitCode.HELD,
    JobState.ABORTED: ExitCode.ABORTED,
    JobState.CANCELLED: ExitCode.CANCELLED,
    JobState.PREEMPTED: ExitCode.PREEMPTED,
    JobState.FAILED: ExitCode.FAILED,
    JobState.INTERRUPTED: ExitCode.INTERRUPTED,
    JobState.REFUSED: ExitCode.REFUSED,
}


def exit_code_of(result: JobResult) -> ExitCode:
    """What ``run`` ends with when the job has ended like this."""
    if result.job.state is JobState.DONE:
        return ExitCode.OK if result.coverage.answered == result.coverage.targeted else ExitCode.HOSTS_MISSING
    return _BY_STATE[result.job.state]
