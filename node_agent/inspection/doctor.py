"""A doctor's visit: everything that decides what this host can trace, looked at."""

import os
import subprocess

from fleettrace import __version__
from fleettrace.errors import Unfit
from fleettrace.model.inspection import Check, DoctorReport, Grade, ToolTrial, TrialOutcome
from node_agent import guard
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.selftest import run_selftest
from node_agent.backends.bpftrace.process import find_bpftrace
from node_agent.backends.bpftrace.user import user_environment
from node_agent.inspection.frame_pointers import check_frame_pointers
from node_agent.inspection.kernel_checks import check_kernel
from node_agent.inspection.program_checks import (
    check_calibration,
    check_capabilities,
    check_confinement,
    check_leftovers,
    check_programs,
    check_state_directory,
)
from node_agent.inspection.setting import InspectionSetting
from node_agent.inspection.trials import in_child, try_tools
from node_agent.kernel.capabilities import effective_capabilities

__all__ = ["ONE_LINERS", "examine"]

ONE_LINERS = "one-liners"
"""What stands in the list of tools for ``run -e``."""

BPFTRACE_LIMIT_S = 20.0
_SMALLEST = "interval:ms:1 { exit(); }"


def examine(setting: InspectionSetting) -> DoctorReport:
    """Look at everything; some seconds, and none of it leaves anything behind.

    Raises:
        BadInput: the host's policy file cannot be used.
    """
    policy = guard.load_host_policy(setting.policy_file)
    system = os.uname()
    checks = [
        Check("kernel", Grade.OK, f"{system.release} {system.machine}, agent {__version__}, uid {os.geteuid()}"),
        check_capabilities(effective_capabilities()),
        *check_confinement(),
        *check_kernel(),
        *check_programs(),
    ]
    # What is compiled, and whether it reads right, depends on the kernel's types and cannot be told without them.
    compiles = all(check.grade is not Grade.FAULT for check in checks)
    checks += check_state_directory(setting.state_directory, look_at_tools=compiles)
    if setting.backend == "replay":
        found = "the agent plays recordings (--backend replay): nothing below says what this kernel can do"
        return DoctorReport((Check("backend", Grade.WARNING, found, "start it without --backend replay"), *checks), ())
    if compiles:
        checks.append(_selftest(setting))
    checks.append(check_calibration(setting.state_directory))
    checks += [check_leftovers(setting.state_directory), check_frame_pointers()]
    at_fault = any(check.grade is Grade.FAULT for check in checks)
    return DoctorReport(tuple(checks), (*try_tools(setting, policy), _try_one_liners(at_fault=at_fault)))


def _selftest(setting: InspectionSetting) -> Check:
    """Whether programs read this kernel's structures where they are; in a process of its own, as all that loads."""

    def perform() -> ToolTrial:
        run_selftest(ObjectCache(object_directory(setting.state_directory)))
        return ToolTrial("selftest", TrialOutcome.WORKS)

    trial = in_child("selftest", perform)
    if trial.outcome is TrialOutcome.WORKS:
        return Check("self-test", Grade.OK, "what programs read of the kernel's structures is right")
    return Check("self-test", Grade.FAULT, trial.reason)


def _try_one_liners(*, at_fault: bool) -> ToolTrial:
    if at_fault:
        reason = "the agent is given no run until what is at fault is mended"
        return ToolTrial(ONE_LINERS, TrialOutcome.UNTRIED, reason=reason)
    return in_child(ONE_LINERS, _one_liners)


def _one_liners() -> ToolTrial:
    """Whether bpftrace starts, and ends, as for a one-liner."""
    path = find_bpftrace()
    environment = {**os.environ, **user_environment()}
    try:
        done = subprocess.run(
            [path, "-e", _SMALLEST],
            capture_output=True,
            text=True,
            check=False,
            timeout=BPFTRACE_LIMIT_S,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise Unfit(f"bpftrace did not end within {BPFTRACE_LIMIT_S:g} s") from None
    if done.returncode != 0:
        raise Unfit(f"bpftrace failed: {' '.join(done.stderr.split())[-300:]}")
    return ToolTrial(ONE_LINERS, TrialOutcome.WORKS)
