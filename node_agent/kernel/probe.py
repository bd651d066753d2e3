"""What a probe is: an attach point, and how a program must be loaded to run there."""

from dataclasses import dataclass
from typing import Protocol

from fleettrace.model.calibration import HitKind
from node_agent.kernel.bpf import AttachType, ProgramType

__all__ = ["Load", "Probe"]


@dataclass(frozen=True, slots=True)
class Load:
    """How a program is loaded for a probe.

    ``constants``: (parameter's id, value) that this probe alone sets, such as where an argument of a USDT site is.
    """

    program_type: ProgramType
    attach_type: AttachType = AttachType.UNSPECIFIED
    constants: tuple[tuple[int, int], ...] = ()


class Probe(Protocol):
    """An attach point."""

    @property
    def load(self) -> Load:
        """How a program must be loaded to run here."""

    @property
    def kind(self) -> HitKind:
        """What a hit costs as."""

    def attach(self, program_fd: int) -> list[int]:
        """Attach a program; it runs until the returned descriptors are closed. Nothing stays on failure.

        Raises:
            AttachFailed: the kernel has no such probe or refuses.
        """
