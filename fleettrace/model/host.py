"""Hosts: what an agent says of its machine, and what the controller knows of the host."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleettrace.model.calibration import Calibration

__all__ = ["Host", "HostFacts"]


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What an agent knows of the machine that it runs on.

    ``scope`` is the cgroup v2 path that is "the host" (empty: the whole machine); ``unfit_reason`` says why no
    trace can run here (empty: fit); ``tools`` maps a tool's name to the digest that this host has; ``questions`` are
    the kinds of :mod:`fleettrace.model.inspection` that its agent answers; ``max_runs`` is how many runs its own policy
    lets be on at a time (None: an agent that does not say). ``run_kinds`` is what it can be ordered to run (empty: its
    agent is older than trials); ``calibration`` None: what probes cost there is not known.
    """

    kernel_release: str
    kernel_build: str
    arch: str
    cpu_count: int
    btf_sha256: str = ""
    backend: str = "bcc"
    agent_version: str = ""
    capabilities: tuple[str, ...] = ()
    scope: str = ""
    tools: Mapping[str, str] = field(default_factory=dict)
    boot_id: str = ""
    unfit_reason: str = ""
    questions: tuple[str, ...] = ()
    max_runs: int | None = None
    run_kinds: tuple[str, ...] = ()
    calibration: Calibration | None = None
    redacts: bool = False
    """Whether its agent can hide fields of its results."""
    dirty_reason: str = ""
    """What a run has left behind; it takes no other until an operator has looked. Empty: nothing."""

    @property
    def kernel(self) -> str:
        """What decides which probes there are: the kernel's release and build, and the architecture."""
        return f"{self.kernel_release} {self.kernel_build}/{self.arch}"

    @property
    def host_class(self) -> str:
        """Hosts of one class cost alike: same kernel build, architecture and CPU count; one canary speaks for them."""
        return f"{self.kernel}/{self.cpu_count}cpu/{self.backend}"


@dataclass(frozen=True, slots=True)
class Host:
    """A host as the controller knows it; ``missing_reason`` says why it is not connected."""

    name: str
    labels: Mapping[str, str]
    facts: HostFacts
    connected: bool
    last_seen_ms: int
    missing_reason: str = ""

    @property
    def host_class(self) -> str:
        """See :attr:`HostFacts.host_class`."""
        return self.facts.host_class
