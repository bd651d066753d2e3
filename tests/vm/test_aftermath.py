"""Whatever ends the one who started a guest, the guest ends too. First of all tests: one guest at a time is enough."""

import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.waiting import wait_for
from tests.vm.folders import short_folder
from tests.vm.image import REPOSITORY
from tests.vm.template import Template

_STARTER = """
from tests.vm.template import ensure_template
with ensure_template().guest() as guest:
    print(guest.qemu.process.pid, guest.qemu.console.parent, flush=True)
    input()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_machine_outlives_its_owner(template: Template, number: signal.Signals) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert starter.stdout is not None
        assert select.select([starter.stdout], [], [], 60)[0], "the guest started"
        pid, folder = starter.stdout.readline().split()
        machine = Path("/proc", pid)
        assert b"qemu" in (machine / "cmdline").read_bytes()
        starter.send_signal(number)
        wait_for("the end of the machine", lambda: not machine.exists(), 30)
    finally:
        starter.kill()
        starter.communicate()
    # THEN the next one removes what is left of it in /tmp
    with short_folder():
        assert not Path(folder).exists()
    assert "fleettrace-vm" not in Path("/proc/self/mounts").read_text()
