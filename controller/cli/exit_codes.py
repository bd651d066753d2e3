"""The exit codes of every command, in one place. Those of errors are given by :mod:`fleettrace.errors`."""

from enum import IntEnum
from typing import Self

from fleettrace.model.job import JobResult, JobState

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """A number for scripts and its meaning for people."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """Make a member that is its number and knows its meaning."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "done; of `run`: every targeted host answered; of `find-outlier`: an outlier is confirmed"
    DIFFERENT = 1, "`policy check`: a test of the file fails; `policy diff`: decisions change"
    BAD_INPUT = 2, "what was typed or configured cannot be used as it is"
    REFUSED = 3, "policy said no; the message names the rule"
    NOT_FOUND = 4, "no such job or host"
    UNREACHABLE = 5, "the controller does not answer"
    UNFIT = 6, "this machine cannot trace; of `doctor`: some host cannot, or cannot run one of the tools"
    STORE_FAILED = 7, "the database is not ours, read-only or damaged"
    ADDRESS_IN_USE = 8, "the address to listen on is taken"
    HOSTS_MISSING = (
        9,
        "`run`: the job is done, but not every targeted host answered; `doctor`, `probes`: the same; `install`, "
        "`upgrade`, `uninstall`: some hosts failed",
    )
    HELD = 10, "`run`: the canary was too quiet to judge (`--promote` goes on all the same)"
    ABORTED = 11, "`run`: the gate said no, too costly or a wave went wrong"
    CANCELLED = 12, "`run`: the job was cancelled"
    FAILED = 13, "`run`: no host could be measured; `install`, `upgrade`, `uninstall`: all hosts failed"
    INTERRUPTED = 14, "`run`: the controller was restarted while the job ran; finished parts are kept"
    NOBODY_STANDS_OUT = 15, "`find-outlier`: no host stands out"
    NOT_CONFIRMED = 16, "`find-outlier`: a host stood out, and running again did not confirm it"
    UNAUTHENTICATED = 17, "no credential, or one that is unknown, expired, used or revoked"
    INTERNAL = 70, "a defect of fleettrace, or two versions that do not fit"
    LEFT_RUNNING = 130, "Ctrl-C; of `run`: the job was left running"
    PREEMPTED = 17, "`run`: an incident job needed the hosts; finished parts are kept"
    PIPE_CLOSED = 141, "whoever read the output closed it"


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
