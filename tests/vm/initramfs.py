"""The few megabytes that a kernel starts from: busybox, the modules of a disk, and a script that changes to it.

An archive of the kind "newc" (Documentation/driver-api/early-userspace/buffer-format.rst), which is a header of
thirteen hexadecimal numbers before each name and content.
"""

from collections.abc import Iterator
from pathlib import Path

__all__ = ["build_initramfs"]

MODULES = ("crc32c_generic", "virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "ext4")
"""With the modules that these need by modules.dep (ext4 needs crc32c by name); what is built in is not looked for."""

_REGULAR, _DIRECTORY = 0o100755, 0o040755

_INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t devtmpfs none /dev
for module in {modules}; do /bin/busybox insmod /modules/$module; done
until [ -b /dev/vda ]; do /bin/busybox sleep 0.05; done
/bin/busybox mount -t ext4 -o rw,noatime /dev/vda /root
/bin/busybox mount -o move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/init
"""


def build_initramfs(modules_directory: Path, busybox: Path) -> bytes:
    """The archive, uncompressed: unpacking it is work that the guest would have to do.

    Args:
        modules_directory: ``/lib/modules/RELEASE`` of the guest.
        busybox: a static busybox of this machine.
    """
    needed = list(_in_order(modules_directory))
    archive = bytearray()
    for directory in ("bin", "dev", "proc", "root", "modules"):
        archive += _entry(directory, _DIRECTORY, b"")
    archive += _entry("bin/busybox", _REGULAR, busybox.read_bytes())
    for path in needed:
        archive += _entry(f"modules/{path.name}", _REGULAR, path.read_bytes())
    script = _INIT.format(modules=" ".join(path.name for path in needed))
    archive += _entry("init", _REGULAR, script.encode())
    return bytes(archive + _entry("TRAILER!!!", 0, b""))


def _in_order(directory: Path) -> Iterator[Path]:
    """The modules, each after those that it needs; modules.dep names a module's own needs from last to first."""
    rows = (line.split(":") for line in (directory / "modules.dep").read_text().splitlines())
    needs = {Path(name).name.removesuffix(".ko"): (name, others.split()) for name, others in rows}
    seen: set[str] = set()
    for module in MODULES:
        if module not in needs:
            continue
        name, others = needs[module]
        for path in (*reversed(others), name):
            if path not in seen:
                seen.add(path)
                yield directory / path


def _entry(name: str, mode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return _padded(head) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
