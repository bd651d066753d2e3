"""Known work on files and disks. Run as ``python -m tests.kernel.file_workload NAME NUMBER [MORE]``."""

import mmap
import os
import tempfile

from tests.kernel.workload import BLOCK_BYTES, serve

FILE_NAME = "fleettrace-workload"
FILE_CALL_BYTES = 1009
FILES_DIRECTORY = "/var/tmp"


def file_calls(number: int) -> None:
    """So many writes of 1,009 bytes to a file, by one call after another, twice as many reads, and syncs of each tenth.

    A pipe is written to and read as often, which is no file.
    """
    reading, writing = os.pipe()
    data = os.urandom(FILE_CALL_BYTES)
    with tempfile.TemporaryDirectory(dir=FILES_DIRECTORY, prefix=FILE_NAME) as folder:
        file = os.open(f"{folder}/{FILE_NAME}", os.O_RDWR | os.O_CREAT)
        for index in range(number):
            at = os.lseek(file, index * FILE_CALL_BYTES, os.SEEK_SET)
            match index % 4:
                case 0:
                    os.pwrite(file, data, at)
                case 1:
                    os.pwritev(file, [data[:9], data[9:]], at)
                case 2:
                    os.write(file, data)
                case _:
                    os.writev(file, [data])
            os.pread(file, FILE_CALL_BYTES, at)
            os.preadv(file, [bytearray(FILE_CALL_BYTES)], at)
            if index % 10 == 0:
                os.fsync(file)
            os.write(writing, b"x")
            os.read(reading, 1)
        os.close(file)


def cached_reads(number: int) -> None:
    """A file of so many pages: written, dropped from the page cache, read once page by page and twice in one call."""
    page = os.sysconf("SC_PAGESIZE")
    with tempfile.TemporaryDirectory(dir=FILES_DIRECTORY) as folder:
        file = os.open(f"{folder}/{FILE_NAME}", os.O_RDWR | os.O_CREAT)
        os.pwrite(file, os.urandom(page * number), 0)
        _drop(file)
        for index in range(number):
            os.pread(file, page, index * page)
        os.pread(file, 2 * page * number, 0)
        os.pread(file, page * number, 0)
        os.close(file)


def cold_read(number: int) -> None:
    """A file of so many pages: written, dropped from the page cache, and read in one call."""
    page = os.sysconf("SC_PAGESIZE")
    with tempfile.TemporaryDirectory(dir=FILES_DIRECTORY) as folder:
        file = os.open(f"{folder}/{FILE_NAME}", os.O_RDWR | os.O_CREAT)
        os.pwrite(file, os.urandom(page * number), 0)
        _drop(file)
        os.pread(file, page * number, 0)
        os.close(file)


def mapped_reads(number: int) -> None:
    """A file of so many pages: written, dropped from the page cache, and mapped twice and touched page by page."""
    page = os.sysconf("SC_PAGESIZE")
    with tempfile.TemporaryDirectory(dir=FILES_DIRECTORY) as folder:
        file = os.open(f"{folder}/{FILE_NAME}", os.O_RDWR | os.O_CREAT)
        os.pwrite(file, os.urandom(page * number), 0)
        _drop(file)
        for _ in range(2):
            with mmap.mmap(file, page * number, prot=mmap.PROT_READ) as memory:
                for index in range(number):
                    memory[index * page]
        os.close(file)


def _drop(file: int) -> None:
    """Take the file out of the page cache, and no other: dirty pages cannot be dropped before they are written."""
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)


def disk_writes(number: int, device: str) -> None:
    """So many writes to a disk, past the page cache."""
    descriptor = os.open(device, os.O_WRONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, BLOCK_BYTES)
    for index in range(number):
        os.pwrite(descriptor, buffer, index % 256 * BLOCK_BYTES)
    os.close(descriptor)


WORKLOADS = {
    f.__name__: f
    for f in (
        file_calls,
        disk_writes,
        cached_reads,
        cold_read,
        mapped_reads,
    )
}


if __name__ == "__main__":
    serve(WORKLOADS)
