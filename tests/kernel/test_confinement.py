"""What a confined process can do no more, tried as root: nobody but the filter stands in the way."""

import ctypes
import errno
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from node_agent.kernel.syscall_filter import FORBIDDEN, TRACING_COMMANDS, is_available
from node_agent.kernel.syscalls import Syscall
from tests.kernel.support import REPOSITORY, require_kernel

pytestmark = pytest.mark.kernel

# -1 for every argument: nothing happens where a filter should not hold after all.
_CALLS = """
import ctypes, json, os, sys
from node_agent.kernel.syscall_filter import forbid_programs, forbid_syscalls
from node_agent.kernel.syscalls import prctl
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return ctypes.get_errno() if result < 0 else 0
if sys.argv[1] != "free":
    prctl(38, 1)
    forbid_syscalls()
said = [call(*arguments) for arguments in json.load(sys.stdin)]
if sys.argv[1] == "no programs":
    forbid_programs()
    try:
        os.execv("/bin/true", ["true"])
    except OSError as error:
        said.append(error.errno)
json.dump(said, sys.stdout)
"""


@pytest.fixture(autouse=True)
def _kernel() -> None:
    require_kernel()
    assert is_available(), "python3-seccomp is missing: deploy/setup"


def errors(*calls: tuple[int, ...], how: str = "filtered") -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", _CALLS, how],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    said: list[int] = json.loads(done.stdout)
    return said


def numbers() -> dict[str, int]:
    import seccomp  # noqa: PLC0415

    found: dict[str, Any] = {name: seccomp.resolve_syscall(seccomp.Arch.NATIVE, name) for name in FORBIDDEN}
    return {name: number for name, number in found.items() if number >= 0}


def test_each_forbidden_call_is_refused() -> None:
    calls = numbers()
    assert len(calls) > 0.9 * len(FORBIDDEN)
    said = errors(*((number, -1, -1, -1, -1, -1, -1) for number in calls.values()))
    assert dict(zip(calls, said, strict=True)) == dict.fromkeys(calls, errno.EPERM)


def test_of_bpf_only_what_tracing_needs_gets_to_the_kernel() -> None:
    bpf = Syscall.BPF.value[0 if os.uname().machine == "x86_64" else 1]
    commands = range(64)
    said = errors(*((bpf, command, 0, 0) for command in commands))
    refused = {command for command, error in zip(commands, said, strict=True) if error == errno.EPERM}
    assert refused == set(commands) - set(TRACING_COMMANDS)
    free = errors(*((bpf, command, 0, 0) for command in commands), how="free")
    assert errno.EPERM not in free, "it is the filter that refuses"


def test_no_namespace_can_be_made() -> None:
    clone = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
    new_user, new_net = 0x1000_0000, 0x4000_0000
    assert errors((clone, new_user, 0, 0, 0, 0), (clone, new_net, 0, 0, 0, 0)) == [errno.EPERM] * 2


def test_no_program_can_be_started_once_probes_are_attached() -> None:
    assert errors(how="no programs") == [errno.EPERM]
    assert ctypes.sizeof(ctypes.c_long) == 8
