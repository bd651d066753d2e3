"""A guest that has booted, kept: its memory is a file, and a guest that starts from it answers within a second or two.

python -m tests.vm.template    make it if it is not there, and open a guest with a shell on this terminal
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vm.cache import cache_directory, hold, locked, remove_old
from tests.vm.folders import short_folder
from tests.vm.guest import Guest
from tests.vm.image import AGENT_HOME, Image, ensure_image
from tests.vm.qemu import Disks, Qemu

__all__ = ["Template", "ensure_template"]

# What the first job of an agent would read from the disk, with the emulated CPU doing the copying.
_WARM_UP = (
    f"/{AGENT_HOME}/bin/python -c 'import bcc, grpc, google.protobuf, lark'",
    "cat /usr/lib/x86_64-linux-gnu/lib{bcc,clang,LLVM,bpf}*.so* /usr/bin/bpftrace /usr/sbin/*snoop > /dev/null",
    "cat /sys/kernel/btf/vmlinux /proc/kallsyms > /dev/null",
)


class Template:
    """Saved memory, state and disks, in ``directory``."""

    def __init__(self, image: Image, directory: Path) -> None:
        self.image = image
        self.directory = directory

    @property
    def memory(self) -> Path:
        return self.directory / "memory"

    @property
    def state(self) -> Path:
        return self.directory / "state"

    def disks(self, *, keep: bool) -> Disks:
        """The disks as they were when the guest was saved."""
        return Disks(self.directory / "root.qcow2", self.directory / "data.qcow2", keep=keep)

    @contextmanager
    def guest(self) -> Iterator[Guest]:
        """A guest of its own; whatever it writes goes with it."""
        with short_folder() as folder, self._restored(folder) as qemu:
            qemu.load_state(self.state)
            guest = Guest(qemu, boot_limit_s=60)
            try:
                guest.set_clock()
                guest.run("mount /dev/vdb /mnt")
                yield guest
            finally:
                guest.close()

    def _restored(self, folder: Path) -> Qemu:
        return Qemu(self.image, self.disks(keep=False), self.memory, folder, share_memory=False, incoming=True)

    def console(self) -> None:
        """A guest with its console on this terminal, until it is switched off."""
        with short_folder() as folder:
            console = ("-serial", "mon:stdio")
            with Qemu(
                self.image,
                self.disks(keep=False),
                self.memory,
                folder,
                share_memory=False,
                incoming=True,
                console=console,
            ) as qemu:
                qemu.load_state(self.state)
                print("a shell in the guest: Enter; QEMU ends with Ctrl-A X", flush=True)
                qemu.process.wait()


def ensure_template() -> Template:
    """The template of this checkout, made if need be.

    Raises:
        NoGuest: see :func:`tests.vm.image.ensure_image`.
    """
    image = ensure_image()
    directory = cache_directory() / f"template-{_key(image)}"
    with locked(cache_directory() / "template.lock"):
        if not directory.exists():
            remove_old("template-*", "making-*")
            _make(image, directory)
        hold(directory)
    return Template(image, directory)


def _key(image: Image) -> str:
    digest = hashlib.sha256(image.directory.name.encode())
    for name in ("qemu.py", "template.py"):
        digest.update(Path(__file__).with_name(name).read_bytes())
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout
    digest.update(version)  # a state is for the QEMU that wrote it
    return digest.hexdigest()[:16]


def _make(image: Image, directory: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="making-", dir=cache_directory()) as name, short_folder() as folder:
        template = Template(image, Path(name) / "made")
        template.directory.mkdir()
        for disk, layer in ((image.root_disk, "root.qcow2"), (image.data_disk, "data.qcow2")):
            command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(disk)]
            subprocess.run([*command, str(template.directory / layer)], check=True)
        disks = template.disks(keep=True)
        with Qemu(image, disks, template.memory, folder, share_memory=True) as qemu:
            guest = Guest(qemu)
            for reading in _WARM_UP:
                guest.run(reading, limit_s=120)
            guest.run("systemctl is-system-running --wait", limit_s=120, check=False)
            guest.run("sync")
            guest.close()
            qemu.save_state(template.state)
        template.directory.rename(directory)


if __name__ == "__main__":
    ensure_template().console()
