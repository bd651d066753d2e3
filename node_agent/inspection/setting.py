"""What the inspecting child must know of the agent that it answers for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleettrace.wire.limits import MAX_ANSWER_BYTES

__all__ = ["MAX_QUESTION_BYTES", "InspectionSetting"]

MAX_QUESTION_BYTES = 64 * 1024
"""The largest question that a child reads."""

assert MAX_QUESTION_BYTES < MAX_ANSWER_BYTES


@dataclass(frozen=True, slots=True)
class InspectionSetting:
    """``host``: the agent's name; ``policy_file`` None: the host's policy is where it is by default."""

    host: str
    backend: str
    state_directory: Path
    policy_file: Path | None = None

    def arguments(self) -> Sequence[str]:
        """The child's command line."""
        policy = ["--config", str(self.policy_file)] if self.policy_file is not None else []
        return [
            *("--name", self.host, "--backend", self.backend, "--state-directory", str(self.state_directory)),
            *policy,
        ]
