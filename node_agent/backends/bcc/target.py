"""The kernel that programs are compiled for."""

import os
from dataclasses import dataclass
from pathlib import Path

from node_agent.kernel.btf import BTF_FILE

__all__ = ["TargetKernel", "running_kernel"]


@dataclass(frozen=True, slots=True)
class TargetKernel:
    """A kernel of this machine's architecture: its types and its release are all of it that bytecode depends on."""

    btf_file: Path
    release: str


def running_kernel() -> TargetKernel:
    """This machine's own."""
    return TargetKernel(BTF_FILE, os.uname().release)
