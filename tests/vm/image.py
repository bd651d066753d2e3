"""The guest's disk and kernel: built from Debian's packages once, kept outside of the checkout.

python -m tests.vm.image    build it if it is not there, and print where it is
"""

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from node_agent.kernel.elf import ElfFile
from tests.vm.cache import cache_directory, hold, locked, remove_old
from tests.vm.initramfs import build_initramfs

__all__ = ["Image", "NoGuest", "ensure_image"]

REPOSITORY = Path(__file__).parents[2]
BUILD_LIMIT_S = 480

SUITE = "bookworm"
PACKAGES = (
    # a system that boots, with a disk and a network
    *("systemd", "systemd-sysv", "udev", "kmod", "iproute2", "procps", "e2fsprogs", "util-linux", "qemu-guest-agent"),
    # the filesystems that fsslower looks at
    *("xfsprogs", "btrfs-progs"),
    # the kernel, and the headers that the stock tools of BCC are compiled against
    *("linux-image-amd64", "linux-headers-amd64"),
    # what an agent needs, as deploy/setup has it
    *("ca-certificates", "python3", "python3-bpfcc", "python3-seccomp", "bpftrace", "libseccomp2", "libstdc++6"),
    # by which agents are installed; it is not started
    *("openssh-server",),
    # measurements that are not ours
    *("libbpf-tools", "bpfcc-tools"),
)
NEEDED_PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mmdebstrap": "mmdebstrap",
    "busybox": "busybox-static",
    "mke2fs": "e2fsprogs",
}
AGENT_HOME = "opt/fleettrace"
"""A virtual environment of the guest that sees Debian's bcc; the project is put in by whoever wants it."""

_ROOT_BYTES = 4 << 30
_DATA_BYTES = 1 << 30
_MAX_BTF_BYTES = 64 << 20
_FILES = {
    "etc/hostname": "guest\n",
    "etc/hosts": "127.0.0.1 localhost guest\n::1 localhost\n",
    "etc/fstab": "/dev/vda / ext4 rw,noatime 0 1\n",
    # The address that QEMU's user-mode network gives to its first guest; asking for it takes seconds.
    "etc/systemd/system/guest-network.service": (
        "[Unit]\nDefaultDependencies=no\nAfter=systemd-udev-trigger.service\n"
        "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        "ExecStart=/bin/sh -c 'until ip link set eth0 up 2>/dev/null; do sleep 0.1; done; "
        "ip address add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2'\n"
    ),
    # For whoever looks into a guest: a shell on the console, without a password.
    "etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf": (
        "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --noclear %I 115200 linux\n"
    ),
}
_WANTED = ("guest-network.service",)
_NOT_WANTED = ("ssh.service",)
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer"),
    *("systemd-timesyncd.service", "e2scrub_reap.service", "systemd-tmpfiles-clean.timer", "bpfcc-tools.service"),
)


class NoGuest(Exception):
    """No guest can be had here; one sentence that says why, with the way out."""


@dataclass(frozen=True, slots=True)
class Image:
    """Files in ``directory``. The disks are raw and never written to: guests have layers of their own over them."""

    directory: Path

    @property
    def kernel(self) -> Path:
        """An uncompressed kernel, entered directly (PVH)."""
        return self.directory / "vmlinux"

    @property
    def initramfs(self) -> Path:
        return self.directory / "initramfs"

    @property
    def root_disk(self) -> Path:
        return self.directory / "root.raw"

    @property
    def data_disk(self) -> Path:
        """An empty ext4, for what disk and filesystem tools look at."""
        return self.directory / "data.raw"

    @property
    def btf(self) -> Path:
        """The types of its kernel, as /sys/kernel/btf/vmlinux has them."""
        return self.directory / "btf"

    @property
    def release(self) -> str:
        """The guest kernel's, as uname(1) has it."""
        return (self.directory / "release").read_text().strip()


def ensure_image() -> Image:
    """The image of this checkout, built if nobody has yet.

    Raises:
        NoGuest: a program, a package or a right to build it is missing.
    """
    _check_machine()
    directory = cache_directory() / f"image-{_key()}"
    with locked(cache_directory() / "build.lock"):
        if not directory.exists():
            remove_old("image-*", "building-*", "objects-*")
            _build(directory)
        hold(directory)
    return Image(directory)


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise NoGuest("only root can build the guest's disk: run the tests as root")
    packages = [package for program, package in NEEDED_PROGRAMS.items() if _which(program) is None]
    if packages:
        raise NoGuest(f"{', '.join(packages)} is not installed: run deploy/setup --vm")
    if os.uname().machine != "x86_64":
        raise NoGuest(f"the guest is an x86-64 machine and this one is {os.uname().machine}")


def _which(program: str) -> str | None:
    return shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")


def _key() -> str:
    sources = (Path(__file__), Path(__file__).with_name("initramfs.py"))
    digest = hashlib.sha256("\0".join(_dependencies()).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _dependencies() -> list[str]:
    """What an agent and a controller need of PyPI."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["agent"], *extras["controller"]]


def _build(directory: Path) -> None:
    with TemporaryDirectory(prefix="building-", dir=cache_directory()) as name:
        work, made = Path(name), Path(name) / "made"
        made.mkdir()
        root = work / "root"
        _install_debian(root)
        _configure(root)
        (release,) = (path.name for path in (root / "lib/modules").iterdir())
        (made / "release").write_text(release)
        (made / "vmlinux").write_bytes(_uncompressed((root / f"boot/vmlinuz-{release}").read_bytes()))
        (made / "btf").write_bytes(_types_of(made / "vmlinux"))
        busybox = Path(_which("busybox") or "")
        (made / "initramfs").write_bytes(build_initramfs(root / "lib/modules" / release, busybox))
        _make_disk(made / "root.raw", _ROOT_BYTES, root)
        _make_disk(made / "data.raw", _DATA_BYTES)
        made.rename(directory)


def _install_debian(root: Path) -> None:
    excluded = ("doc", "man", "locale")
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--include={','.join(PACKAGES)}",
    ]
    command += ["--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Languages none"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in excluded]
    # An initial ram disk of Debian's takes longer to make than all the rest.
    environment = {**os.environ, "INITRD": "No"}
    _run([*command, SUITE, str(root), *_sources()], "installing Debian's packages", environment)


def _sources() -> list[str]:
    """This machine's own way to Debian's packages, so that a mirror that it is set up for is used."""
    known = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
    return [str(path) for path in known if path.exists() and path.stat().st_size][:1]


def _configure(root: Path) -> None:
    for name, content in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    units = root / "etc/systemd/system"
    for unit in _MASKED:
        (units / unit).unlink(missing_ok=True)
        (units / unit).symlink_to("/dev/null")
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    for unit in _WANTED:
        (units / "multi-user.target.wants" / unit).symlink_to(f"../{unit}")
    for unit in _NOT_WANTED:
        (units / "multi-user.target.wants" / unit).unlink(missing_ok=True)
    _run(["chroot", str(root), "passwd", "--delete", "root"], "letting root in on the console")
    environment = ["chroot", str(root), "python3", "-m", "venv", "--system-site-packages", "--without-pip"]
    _run([*environment, f"/{AGENT_HOME}"], "making the agent's environment")
    (site_packages,) = (root / AGENT_HOME).glob("lib/python3*/site-packages")
    # Compiled here, since the guest would take seconds for it at each start of a command.
    install = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--compile"]
    _run([*install, "--target", str(site_packages), *_dependencies()], "installing what is needed of PyPI")


def _uncompressed(kernel: bytes) -> bytes:
    """The ELF file within a bzImage: unpacking it in the guest would take the most of the time to boot."""
    start = kernel.find(b"\xfd7zXZ\0")
    if start < 0:
        raise NoGuest("Debian's kernel is not packed with xz any more: tests/vm/image.py must learn how it is")
    return lzma.LZMADecompressor().decompress(kernel[start:])


def _types_of(kernel: Path) -> bytes:
    with kernel.open("rb") as file:
        elf = ElfFile(lambda size, offset: os.pread(file.fileno(), size, offset))
        section = elf.section(".BTF")
        if section is None:
            raise NoGuest("Debian's kernel has no types in it any more: tests/vm/image.py must learn where they are")
        return elf.content(section, _MAX_BTF_BYTES)


def _make_disk(path: Path, size_bytes: int, content: Path | None = None) -> None:
    with path.open("wb") as file:
        file.truncate(size_bytes)
    command = ["mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=0,lazy_journal_init=0", "-m", "0"]
    if content is not None:
        command += ["-d", str(content)]
    _run([*command, str(path)], f"making the disk {path.name}")


def _run(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    path = f"/usr/sbin:/sbin:{os.environ['PATH']}"
    # In namespaces of its own: whatever ends it, what it started ends too, and what it mounted is gone.
    alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        done = subprocess.run(
            [*alone, "nice", *command],
            env={**(environment or os.environ), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoGuest(f"{what} did not end within {BUILD_LIMIT_S} s") from None
    if done.returncode:
        tail = " ".join(done.stdout.split())[-400:]
        raise NoGuest(f"{what} failed with status {done.returncode}: {tail}")


if __name__ == "__main__":
    print(ensure_image().directory)
