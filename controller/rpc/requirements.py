"""What each method of the operators' service asks of who calls it. A method that is not here is not served."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from controller.identity.principal import Scope

__all__ = ["REQUIREMENTS", "JobRight", "Requirement"]


class JobRight(Enum):
    """What the caller must be to the job that a request names."""

    SEE = auto()
    """Of its team, of one that it is shared with, or a reader by grant."""
    OWN = auto()
    """Of its team."""
    STOP = auto()
    """Of its team, or an administrator."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """``scope`` of the credential, None: any; ``job``: what the caller must be to the job;

    ``for_team``: it acts for the team that the request names, and must be of it.
    """

    scope: Scope | None
    job: JobRight | None = None
    for_team: bool = False


REQUIREMENTS: Mapping[str, Requirement] = {
    # What is listed is cut to what the caller sees.
    "Control/ListHosts": Requirement(Scope.READ),
    "Control/ListTools": Requirement(Scope.READ),
    "Control/ListJobs": Requirement(Scope.READ),
    "Control/ListAudit": Requirement(Scope.READ),
    "Control/GetJob": Requirement(Scope.READ, JobRight.SEE),
    "Control/WatchJob": Requirement(Scope.READ, JobRight.SEE),
    "Control/SubmitJob": Requirement(Scope.RUN, for_team=True),
    # A visit attaches every tool for a moment.
    "Control/AskHosts": Requirement(Scope.RUN),
    "Control/ImportPart": Requirement(Scope.RUN, JobRight.OWN),
    # Who may approve it, the grants say: see controller/approvals.py.
    "Control/ApproveJob": Requirement(Scope.APPROVE, JobRight.SEE),
    "Control/DenyJob": Requirement(Scope.APPROVE, JobRight.SEE),
    "Control/ExplainPolicy": Requirement(Scope.READ, for_team=True),
    "Control/ReloadPolicy": Requirement(Scope.ADMIN),
    "Control/ShareJob": Requirement(Scope.RUN, JobRight.OWN),
    "Control/ClearHost": Requirement(Scope.ADMIN),
    "Control/CancelJob": Requirement(Scope.RUN, JobRight.STOP),
    "Control/CancelAllJobs": Requirement(Scope.RUN),
    "Access/WhoAmI": Requirement(None),
    "Access/CreateJoinToken": Requirement(Scope.ADMIN),
    "Access/ListJoinTokens": Requirement(Scope.ADMIN),
    "Access/RevokeJoinToken": Requirement(Scope.ADMIN),
    "Access/RevokeHost": Requirement(Scope.ADMIN),
    "Access/AddOperator": Requirement(Scope.ADMIN),
    "Access/ListOperators": Requirement(Scope.ADMIN),
    "Access/RevokeOperator": Requirement(Scope.ADMIN),
}
