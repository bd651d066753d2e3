"""Whether this machine can trace, found out in a child so that the agent never holds the compiler."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

from fleettrace.catalog import builtin_tools
from fleettrace.errors import Unfit
from fleettrace.model.calibration import Calibration
from fleettrace.model.capability import TRACING_CAPABILITIES
from fleettrace.model.host import HostFacts
from fleettrace.model.run import RunKind
from node_agent.build import build_version
from node_agent.calibration.form import calibration_from_json
from node_agent.kernel.boot import boot_id
from node_agent.kernel.capabilities import permitted_capabilities
from node_agent.kernel.cpus import possible_cpu_count
from node_agent.launcher import launch
from node_agent.questions import KINDS

__all__ = ["Fitness", "gather_facts", "prepare_bcc"]

SELFTEST_LIMIT_S = 60.0
"""Starting, and proving that the kernel's types are right, on a slow machine."""
COMPILE_LIMIT_S = 30.0
"""For each tool: what the compiler's child is given, which is far more than a tool takes."""


@dataclass(frozen=True, slots=True)
class Fitness:
    """A kernel that was proved to trace: its BTF's digest names the types that objects were compiled for.

    ``calibration`` None: what probes cost here is not known, and ``uncalibrated`` says why.
    """

    btf_sha256: str
    calibration: Calibration | None = None
    uncalibrated: str = ""


async def prepare_bcc(state_directory: Path) -> Fitness:
    """Self-test the kernel's types and compile what is not compiled yet.

    Raises:
        Unfit: one sentence that says what is missing and how to get it.
    """
    process = await launch(
        "-m",
        "node_agent.backends.bcc.prepare",
        "--state-directory",
        str(state_directory),
        # Where one is missing it is the preparing child that says so.
        capabilities=permitted_capabilities().intersection(TRACING_CAPABILITIES),
        stdin=asyncio.subprocess.DEVNULL,
    )
    limit_s = SELFTEST_LIMIT_S + COMPILE_LIMIT_S * len(builtin_tools())
    try:
        async with asyncio.timeout(limit_s):
            output, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Unfit(f"the self-test did not end within {limit_s:.0f} s: is the machine overloaded?") from None
    try:
        result = json.loads(output)
        fit, reason, btf_sha256 = bool(result["fit"]), str(result["reason"]), str(result["btf_sha256"])
        measured, uncalibrated = result["calibration"], str(result["uncalibrated"])
        calibration = None if measured is None else calibration_from_json(measured)
    except (ValueError, KeyError, TypeError):
        tail = " ".join(errors.decode(errors="replace").split())[-300:]
        raise Unfit(f"the self-test ended with status {process.returncode} and no verdict: {tail}") from None
    if not fit:
        raise Unfit(reason)
    return Fitness(btf_sha256, calibration, uncalibrated)


def gather_facts(
    backend: str,
    scope: str,
    btf_sha256: str,
    unfit_reason: str,
    max_runs: int,
    *,
    calibration: Calibration | None = None,
) -> HostFacts:
    """What this agent tells the controller of its machine; ``unfit_reason``: why it cannot trace, empty: it can."""
    system = os.uname()
    return HostFacts(
        kernel_release=system.release,
        kernel_build=system.version,
        arch=system.machine,
        cpu_count=possible_cpu_count(),
        btf_sha256=btf_sha256,
        backend=backend,
        redacts=True,
        agent_version=build_version(),
        capabilities=tuple(sorted(permitted_capabilities())),
        scope=scope,
        tools={name: tool.digest for name, tool in builtin_tools().items()},
        boot_id=boot_id(),
        unfit_reason=unfit_reason,
        questions=KINDS,
        max_runs=max_runs,
        run_kinds=tuple(RunKind),
        calibration=calibration,
    )
