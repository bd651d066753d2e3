"""Policies that a site changes between, and what must hold of jobs while one of them is in force."""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.policy.model import Policy
from controller.policy.parse import parse_policy
from fleettrace.model.job import Job, JobState
from fleettrace.model.run import RunKind
from tests.simulation.story import Story

__all__ = ["CAREFUL_TEAM", "LEADS", "USUAL", "VARIANTS", "PolicyWatch", "Variant"]

CAREFUL_TEAM, LEADS = "careful", "leads"
WITHDRAWN_S = 3.0
"""From a policy's being in force until what it does not grant is on its way out."""
RETURN_S = 15.0
"""After a restart, how long jobs that wait do so for hosts that have not come back."""
_WAITING = {JobState.AWAITING, JobState.QUEUED}

_GRANT = """
[[grant]]
name = "{name}"
teams = ["{team}"]
tools = ["*"]
hosts = "all"
tool_capabilities = {{ "*" = ["CAP_SYSLOG", "CAP_SYS_PTRACE"] }}
incident = true
"""
_SECOND = "needs_approval = true\napproval_wait_s = 12\n"
_LEADS = f'\n[[grant]]\nname = "leads"\nteams = ["{LEADS}"]\napproves = ["team", "{CAREFUL_TEAM}"]\nhosts = "all"\n'
_CAREFUL = _GRANT.format(name="careful", team=CAREFUL_TEAM) + _SECOND + _LEADS


@dataclass(frozen=True)
class Variant:
    """A policy, the teams that it grants nothing, and those whose jobs need a second person."""

    name: str
    policy: Policy
    denied: frozenset[str]
    second: frozenset[str]


def _variant(name: str, text: str, *, denied: Iterable[str] = (), second: Iterable[str] = ()) -> Variant:
    return Variant(name, parse_policy(text, f"{name}.toml"), frozenset(denied), frozenset(second))


USUAL = _variant("usual", _GRANT.format(name="usual", team="team") + _CAREFUL, second=(CAREFUL_TEAM,))
VARIANTS = (
    USUAL,
    _variant("frozen", _CAREFUL, denied=("team",), second=(CAREFUL_TEAM,)),
    _variant("strict", _GRANT.format(name="usual", team="team") + _SECOND + _CAREFUL, second=("team", CAREFUL_TEAM)),
    _variant("open", _GRANT.format(name="usual", team="team") + _LEADS, denied=(CAREFUL_TEAM,)),
)


class PolicyWatch:
    """What jobs are granted by the policy in force, by rules written down once more."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._in_force: Variant | None = None
        self._since_s = 0.0

    def changing(self) -> None:
        """The file was written: until somebody knows that it is in force, either may be."""
        self._in_force = None

    def in_force(self, variant: Variant, now_s: float) -> None:
        """A controller has said so, or was started on it."""
        self._in_force, self._since_s = variant, now_s

    def check_saved(self, before: Job | None, job: Job) -> None:
        """A job was saved."""
        name, spec = job.spec.job_id, job.spec
        approved = [one for one in job.decisions if (one.kind, one.verdict) == ("approval", "approved")]
        if spec.approve_by_ms and (job.runs or job.state is JobState.QUEUED):
            others = [one.operator for one in approved if one.operator.casefold() != spec.operator.casefold()]
            if not others or job.approved_by not in others:
                self._story.fail("I9 a second person decides", f"{name} is {job.state} and nobody else approved it")
        if spec.team == CAREFUL_TEAM and job.state is not JobState.REFUSED and not spec.approve_by_ms:
            self._story.fail("I9 a second person decides", f"{name} is {job.state} and waits for nobody")
        if spec.dry_run and any(run.kind is RunKind.TRACE for run in job.runs.values()):
            self._story.fail("a dry run traces nothing", name)
        variant = self._in_force
        if variant is None or before is None or before.state not in _WAITING:
            return
        granted = spec.team not in variant.denied and (
            spec.team not in variant.second or bool(job.approved_by) or before.state is JobState.AWAITING
        )
        if job.state is JobState.INTERRUPTED and granted:
            self._story.fail("what waits survives a restart", f"{name} was {before.state}")

    def check_gone(self, job: Job, up_s: float, now_s: float, *, was_back: bool) -> None:
        """A job was given up since its hosts went away while it waited; ``was_back``: they had come back before."""
        if now_s - up_s < RETURN_S - 0.1 and not was_back:
            self._story.fail("what waits waits for its hosts", f"{job.spec.job_id}, {now_s - up_s:.1f} s after a start")

    def sweep(self, jobs: Iterable[Job], now_s: float) -> None:
        """From time to time, while nothing keeps the controller from it: what is not granted is on its way out."""
        variant = self._in_force
        if variant is None or now_s - self._since_s < WITHDRAWN_S:
            return
        for job in jobs:
            live = not job.state.ended and job.state is not JobState.STOPPING
            if live and job.spec.team in variant.denied:
                self._story.fail("I9 a team runs only what it was granted", f"{job.spec.job_id} is {job.state}")
