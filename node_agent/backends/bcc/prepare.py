"""``python -I -m node_agent.backends.bcc.prepare --state-directory DIR``: can this machine trace, and make it ready.

Prints one line of JSON: ``fit``, ``reason`` (one sentence with the way out when unfit), ``btf_sha256``, ``objects``
(each tool with ``ready``, or why it does not compile here), and ``calibration`` (what probes cost here; null where that
could not be measured, and ``uncalibrated`` says why). It runs in a process of its own, so that the agent
holds no BPF objects and none of the compiler's memory. Exit status 0 whenever the line was printed.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fleettrace.catalog import builtin_tools
from fleettrace.errors import FleettraceError, Unfit
from fleettrace.model.calibration import Calibration
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.selftest import run_selftest
from node_agent.backends.bcc.source import tool_source
from node_agent.calibration.keep import kept_or_measured
from node_agent.calibration.measure import measure
from node_agent.kernel.btf import btf_sha256
from node_agent.kernel.capabilities import effective_capabilities

__all__ = ["Preparation", "check_capabilities", "main", "prepare"]

READY = "ready"
_NEEDED = frozenset({"CAP_BPF", "CAP_PERFMON"})


@dataclass(frozen=True, slots=True)
class Preparation:
    """The verdict on this machine."""

    fit: bool
    reason: str = ""
    btf_sha256: str = ""
    objects: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration | None = None
    uncalibrated: str = ""


def check_capabilities(have: frozenset[str]) -> None:
    """Check for what every program needs.

    The kernel takes CAP_SYS_ADMIN for both, but a tracing child keeps what its tool names, and no tool names that.

    Raises:
        Unfit: one of them is missing.
    """
    missing = _NEEDED - have
    if missing:
        raise Unfit(
            f"this process lacks {' and '.join(sorted(missing))}; start the agent as root, or grant both "
            "(AmbientCapabilities=CAP_BPF CAP_PERFMON in its unit)"
        )


def prepare(state_directory: Path) -> Preparation:
    """Check, self-test, and compile the catalogue."""
    try:
        types_sha256 = btf_sha256()
        check_capabilities(effective_capabilities())
        cache = ObjectCache(object_directory(state_directory))
        run_selftest(cache)
        objects = _compile_catalogue(cache)
    except FleettraceError as error:
        return Preparation(fit=False, reason=str(error))
    if READY not in objects.values():
        return Preparation(fit=False, reason=next(iter(objects.values()), "the catalogue is empty"))
    calibration, uncalibrated = _calibrate(state_directory)
    return Preparation(True, "", types_sha256, objects, calibration, uncalibrated)


def _calibrate(state_directory: Path) -> tuple[Calibration | None, str]:
    """What probes cost here, or why that is not known; the agent works without."""
    try:
        return kept_or_measured(state_directory, measure), ""
    except FleettraceError as error:
        return None, str(error)


def _compile_catalogue(cache: ObjectCache) -> dict[str, str]:
    """Compile each tool; one that does not compile here leaves the others usable."""
    objects: dict[str, str] = {}
    for name, tool in builtin_tools().items():
        try:
            cache.get(tool_source(tool))
            objects[name] = READY
        except Unfit as error:
            objects[name] = str(error)
    return objects


def main() -> int:
    """Serve the command line; see the module's text."""
    parser = argparse.ArgumentParser(description="Check that this machine can trace, and compile the catalogue.")
    parser.add_argument("--state-directory", type=Path, required=True)
    print(json.dumps(asdict(prepare(parser.parse_args().state_directory))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
