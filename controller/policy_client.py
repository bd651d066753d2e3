"""The command line's side of what the Control service says of policy and approvals, beside the rest of it."""

from controller.client import Client, JobRequest
from controller.speaking import speaking
from fleettrace.model.job import Job
from fleettrace.model.policy import PolicyAnswer
from fleettrace.wire.codec import job_from_wire, policy_answer_from_wire, wire_text
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["PolicyClient"]


class PolicyClient(Client):
    """Every method raises what those of :class:`Client` do."""

    def approve(self, job_id: str, team: str, operator: str) -> Job:
        """Let a job go on that waits for a second person.

        Raises:
            NotFound, Refused, BadInput: no such job, one's own or not one's to approve, one that does not wait.
        """
        with speaking(self.address):
            request = control.ApproveJobRequest(
                job_id=wire_text(job_id), team=wire_text(team), operator=wire_text(operator)
            )
            return job_from_wire(self._stub.ApproveJob(request, timeout=self._call_s))

    def deny(self, job_id: str, team: str, operator: str, reason: str) -> Job:
        """End it instead; raises as :meth:`approve`."""
        with speaking(self.address):
            request = control.DenyJobRequest(
                job_id=wire_text(job_id), team=wire_text(team), operator=wire_text(operator), reason=wire_text(reason)
            )
            return job_from_wire(self._stub.DenyJob(request, timeout=self._call_s))

    def explain_policy(self, request: JobRequest) -> PolicyAnswer:
        """What policy would answer to a request.

        Raises:
            BadInput, Refused: an unknown tool, a selector that matches nothing, another team.
        """
        with speaking(self.address):
            message = control.ExplainPolicyRequest(
                team=wire_text(request.team),
                tool=wire_text(request.tool),
                program=wire_text(request.program),
                params={wire_text(name): wire_text(value) for name, value in request.params.items()},
                selector=wire_text(request.selector),
                duration_ms=request.duration_ms,
                break_glass=wire_text(request.break_glass),
                operator=wire_text(request.operator),
            )
            return policy_answer_from_wire(self._stub.ExplainPolicy(message, timeout=self._call_s))

    def reload_policy(self, operator: str) -> tuple[str, str, str, tuple[str, ...]]:
        """Have the policy's file read again: its name, what holds now, what held before, the jobs that were stopped.

        Raises:
            BadInput: the file cannot be used, and the old policy holds.
            Refused: this takes an administrator.
        """
        with speaking(self.address):
            done = self._stub.ReloadPolicy(
                control.ReloadPolicyRequest(operator=wire_text(operator)), timeout=self._call_s
            )
            return done.origin, done.version, done.before, tuple(done.stopped)
