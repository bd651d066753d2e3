"""Jobs: one tool on many hosts, bounded; as it stands now, with the evidence for what was decided."""

from fleettrace.model.findings import Suspect
from fleettrace.model.job.evidence import CanaryCheck, Decision, PlannedHost, Trial, Wave
from fleettrace.model.job.result import Coverage, HostPart, JobResult, JobTotals
from fleettrace.model.job.spec import JobSpec, program_id
from fleettrace.model.job.standing import Job, Run
from fleettrace.model.job.states import JobState, Priority, RunState, Verdict

__all__ = [
    "CanaryCheck",
    "Coverage",
    "Decision",
    "HostPart",
    "Job",
    "JobResult",
    "JobSpec",
    "JobState",
    "JobTotals",
    "PlannedHost",
    "Priority",
    "Run",
    "RunState",
    "Suspect",
    "Trial",
    "Verdict",
    "Wave",
    "program_id",
]
