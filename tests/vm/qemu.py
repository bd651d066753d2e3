"""A virtual machine as a process: software emulation, so that it runs wherever the tests do.

The machine ends with the one who started it, however that ends: the kernel sends the signal.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.waiting import wait_for
from tests.vm.channel import Channel, ChannelClosed
from tests.vm.image import Image

__all__ = ["CPUS", "MEMORY_MIB", "Disks", "Qemu"]

CPUS = 2
"""So that what is kept per CPU is added up."""
MEMORY_MIB = 2048
END_LIMIT_S = 10.0
COMMAND_LIMIT_S = 30.0

CPU = "Nehalem"
"""Of what QEMU emulates, old enough to be simple (a third less work than ``max``, whose vectors and deeper page tables
nothing here needs), and new enough for wheels of PyPI."""
# Mitigations of what an emulated CPU does not have only take time.
_KERNEL_LINE = "console=ttyS0 quiet net.ifnames=0 systemd.show_status=0 panic=-1 mitigations=off"


class Disks:
    """A machine's disks, by file: its root and one that is looked at; ``keep`` says whether writes stay."""

    def __init__(self, root: Path, data: Path, *, keep: bool) -> None:
        self._files = (root, data)
        self._keep = keep

    def arguments(self) -> list[str]:
        # With snapshot=on QEMU writes into files that have no name: nothing stays, not even after SIGKILL.
        snapshot = "off" if self._keep else "on"
        found: list[str] = []
        for index, file in enumerate(self._files):
            found += ["-drive", f"file={file},format=qcow2,if=none,id=disk{index},cache=unsafe,snapshot={snapshot}"]
            found += ["-device", f"virtio-blk-pci,drive=disk{index}"]
        return found


class Qemu:
    """A running machine; a context that ends it. ``folder`` gets its sockets and its console's text."""

    def __init__(
        self,
        image: Image,
        disks: Disks,
        memory: Path,
        folder: Path,
        *,
        share_memory: bool,
        incoming: bool = False,
        console: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            image: where its kernel is.
            disks: its disks.
            memory: the file that its memory is; made if it is not there.
            folder: where sockets are made; a path of at most 90 bytes.
            share_memory: whether what it writes to its memory goes to the file.
            incoming: wait for a state instead of booting.
            console: arguments for QEMU about the console instead of a file in ``folder``.
        """
        self.console = folder / "console"
        self._folder = folder
        share = "on" if share_memory else "off"
        backend = f"memory-backend-file,id=memory,size={MEMORY_MIB}M,mem-path={memory},share={share}"
        command = ["setpriv", "--pdeathsig", "KILL", "--", "qemu-system-x86_64"]
        command += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-name", "fleettrace-guest"]
        # Two guest CPUs are two threads; a larger cache of translated code would only take memory.
        command += ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", CPU, "-smp", str(CPUS)]
        command += ["-m", str(MEMORY_MIB), "-object", backend, "-machine", "q35,memory-backend=memory"]
        command += ["-kernel", str(image.kernel), "-initrd", str(image.initramfs), "-append", _KERNEL_LINE]
        command += disks.arguments()
        # 10.0.2.2 in the guest is this machine's loopback.
        command += ["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="]
        command += ["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]
        command += ["-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"]
        command += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        command += ["-qmp", f"unix:{folder}/monitor,server=on,wait=off"]
        command += console or ["-serial", f"file:{self.console}"]
        if incoming:
            command += ["-incoming", "defer"]
        output = None if console else (folder / "qemu.log").open("wb")
        try:
            self.process = subprocess.Popen(
                command,
                stdin=None if console else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Its nameless files are made there; /tmp may be memory.
                env={**os.environ, "TMPDIR": "/var/tmp"},
                start_new_session=not console,
            )
        finally:
            if output is not None:
                output.close()
        self._monitor: Channel | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end()

    @property
    def monitor(self) -> Channel:
        """QEMU's monitor."""
        if self._monitor is None:
            self._monitor = wait_for("the monitor of QEMU", lambda: self._connect("monitor", COMMAND_LIMIT_S))
            self._monitor.command("qmp_capabilities")
        return self._monitor

    def connect_agent(self, limit_s: float) -> Channel:
        """A connection to QEMU's agent in the guest, which may not be there yet."""
        return wait_for("the socket of the guest's agent", lambda: self._connect("agent", limit_s))

    def forward(self, port: int, guest_port: int) -> None:
        """Carry what connects to this port of this machine's loopback to one of the guest."""
        line = f"hostfwd_add net tcp:127.0.0.1:{port}-:{guest_port}"
        said = self.monitor.command("human-monitor-command", {"command-line": line})
        assert not said, said

    def end(self) -> None:
        """End it at once; idempotent."""
        if self._monitor is not None:
            self._monitor.close()
        self.process.terminate()
        try:
            self.process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def save_state(self, state: Path) -> None:
        """Stop it and write its state, without the memory that is shared with a file."""
        self.monitor.command("stop")
        self._ignore_shared_memory()
        self.monitor.command("migrate", {"uri": f"exec:cat > {state}"})
        self._wait_migrated()

    def load_state(self, state: Path) -> None:
        """Take a saved state up and run on from it."""
        self._ignore_shared_memory()
        self.monitor.command("migrate-incoming", {"uri": f"exec:cat {state}"})
        self._wait_migrated()
        self.monitor.command("cont")

    def _ignore_shared_memory(self) -> None:
        capability = {"capability": "x-ignore-shared", "state": True}
        self.monitor.command("migrate-set-capabilities", {"capabilities": [capability]})

    def _wait_migrated(self) -> None:
        def ended() -> bool:
            status = self.monitor.command("query-migrate").get("status")
            assert status != "failed", self.said()
            return bool(status == "completed")

        wait_for("the machine's state", ended, 60)

    def said(self) -> str:
        """What QEMU and the guest's console said, the end of it."""
        texts = [
            path.read_text(errors="replace") for path in (self._folder / "qemu.log", self.console) if path.exists()
        ]
        return "\n".join(texts)[-3000:]

    def _connect(self, socket: str, limit_s: float) -> Channel | None:
        assert self.process.poll() is None, f"QEMU ended with {self.process.returncode}: {self.said()}"
        try:
            return Channel(self._folder / socket, limit_s)
        except ChannelClosed:
            return None
