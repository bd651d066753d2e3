"""The calibration of this host, kept in the agent's state directory until what it was measured on changes."""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fleettrace.errors import Unfit
from fleettrace.model.calibration import Calibration
from node_agent.calibration.form import calibration_from_json
from node_agent.calibration.measure import cpu_model
from node_agent.kernel.cpus import possible_cpu_count
from node_agent.kernel.deadline import KillTimer, die_with_parent

__all__ = ["calibration_file", "kept", "kept_or_measured"]

FORMAT_VERSION = 2
"""Part of the key: raise it when the measurement, or what it means, changes."""
MEASURE_LIMIT_S = 10.0
"""Some half a second on a quiet machine; the kernel ends what takes longer."""
_MAX_BYTES = 16_384
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def calibration_file(state_directory: Path) -> Path:
    """Where it is kept."""
    return state_directory / "calibration.json"


def kept(state_directory: Path) -> Calibration | None:
    """What was measured on this boot of this kernel with these CPUs; None: nothing."""
    try:
        data = json.loads(calibration_file(state_directory).read_text())
        return calibration_from_json(data["calibration"]) if data["key"] == _key() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a file that does not read is written anew


def kept_or_measured(state_directory: Path, measure: Callable[[], Calibration]) -> Calibration:
    """What is kept, measured now in a child where it is not; agents that share a directory measure once.

    Raises:
        Unfit: it could not be measured, or not within :data:`MEASURE_LIMIT_S`.
    """
    if (found := kept(state_directory)) is not None:
        return found
    try:
        state_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (state_directory / "calibration.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another agent may have measured while this one waited.
            if (found := kept(state_directory)) is not None:
                return found
            measured = calibration_from_json(_in_child(measure))
            _write(calibration_file(state_directory), {"key": _key(), "calibration": asdict(measured)})
    except OSError as error:
        raise Unfit(f"the calibration cannot be kept in {state_directory}: {error.strerror}") from error
    return measured


def _key() -> str:
    """Everything that the figures depend on: the kernel's build, its boot, the CPUs."""
    system = os.uname()
    parts = (
        *(str(FORMAT_VERSION), system.release, system.version, system.machine),
        *(_BOOT_ID.read_text().strip(), cpu_model(), str(possible_cpu_count())),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _in_child(measure: Callable[[], Calibration]) -> dict[str, Any]:
    """Measure in a process that ends with this one, or is ended."""
    parent_pid = os.getpid()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            die_with_parent(parent_pid)
            KillTimer().arm(MEASURE_LIMIT_S)
            os.write(writing, _said(measure))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read(_MAX_BYTES)
    os.waitpid(pid, 0)
    if not data:
        raise Unfit(f"measuring what probes cost here did not end within {MEASURE_LIMIT_S:g} s")
    said: dict[str, Any] = json.loads(data)
    if "failed" in said:
        raise Unfit(f"what probes cost here could not be measured: {said['failed']}")
    return said


def _said(measure: Callable[[], Calibration]) -> bytes:
    try:
        return json.dumps(asdict(measure())).encode()
    except Exception as error:  # noqa: BLE001  the agent works without, whatever happened here
        return json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode()


def _write(path: Path, data: dict[str, Any]) -> None:
    """Whole or not at all, for its owner alone."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".new-", delete=False) as file:
        try:
            os.fchmod(file.fileno(), 0o600)
            json.dump(data, file)
            file.close()
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
