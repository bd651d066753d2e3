"""Compiled objects, kept on disk: what was compiled once on this kernel is never compiled again.

Agents on one machine share a directory. Compiling is done by one at a time; files appear whole or not at all.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleettrace.errors import Unfit
from node_agent.backends.bcc.compiler import compile_in_child
from node_agent.backends.bcc.header_tree import TREE_VERSION
from node_agent.backends.bcc.source import ProgramSource
from node_agent.backends.bcc.target import TargetKernel, running_kernel
from node_agent.kernel.bpf_object import BpfObject
from node_agent.kernel.btf import btf_sha256

__all__ = ["ObjectCache", "object_directory"]

FORMAT_VERSION = 1
"""Part of an object's identity: raise it when the JSON form or the meaning of a slot changes."""

_MAX_FILES = 64


def object_directory(state_directory: str | Path) -> Path:
    """Where an agent with this state directory keeps its objects; agents may share it."""
    return Path(state_directory) / "objects"


class ObjectCache:
    """A directory of compiled objects."""

    def __init__(self, directory: Path, kernel: TargetKernel | None = None) -> None:
        """Use a directory, made when missing, for this machine's kernel if no other is given.

        Raises:
            Unfit: others could have written into it: what is kept there is loaded into the kernel.
        """
        self.directory = directory
        self._kernel = kernel or running_kernel()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = directory.lstat()
        except OSError as error:
            raise Unfit(f"the cache directory {directory} cannot be used: {error.strerror}") from error
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise Unfit(f"{directory} must be uid {os.geteuid()}'s own directory that no one else can write: remove it")

    def get(self, source: ProgramSource) -> BpfObject:
        """The object of a program, compiled now if it is not there.

        Raises:
            Unfit: there is no BTF, no compiler, or the program does not compile.
        """
        path = self.path_of(source)
        if (kept := _read(path)) is not None:
            return kept
        with self._one_compiler():
            # Another process may have compiled it while this one waited.
            if (kept := _read(path)) is not None:
                return kept
            compiled = compile_in_child(source, self._kernel)
            self._write(path, compiled)
            self._prune()
            return compiled

    def path_of(self, source: ProgramSource) -> Path:
        """Where a program's object is kept: a name that stands for everything the bytecode depends on."""
        digest = hashlib.sha256()
        identity = (
            str(FORMAT_VERSION),
            str(TREE_VERSION),
            _compiler_version(),
            platform.machine(),
            btf_sha256(self._kernel.btf_file),
            json.dumps(source.flags, sort_keys=True),
            source.full_text,
        )
        for part in identity:
            digest.update(len(part.encode()).to_bytes(8, "little") + part.encode())
        return self.directory / f"{source.name}-{digest.hexdigest()[:32]}.json"

    @contextmanager
    def _one_compiler(self) -> Iterator[None]:
        with (self.directory / "compile.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, path: Path, compiled: BpfObject) -> None:
        with tempfile.NamedTemporaryFile("w", dir=self.directory, prefix=".new-", delete=False) as file:
            try:
                json.dump(compiled.to_json(), file)
                file.close()
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _prune(self) -> None:
        """Keep the newest files only: every kernel update leaves a set of objects that will not be used again."""
        files = sorted(self.directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[_MAX_FILES:]:
            path.unlink(missing_ok=True)


def _read(path: Path) -> BpfObject | None:
    try:
        return BpfObject.from_json(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return None  # a file that does not read is written anew


def _compiler_version() -> str:
    """The text of BCC's version module, found without importing BCC, which would load LLVM."""
    spec = importlib.util.find_spec("bcc")
    if spec is None or spec.origin is None:
        raise Unfit("BCC is missing; apt-get install python3-bpfcc (pip's package bcc is another)")
    try:
        return Path(spec.origin).with_name("version.py").read_text()
    except OSError as error:
        raise Unfit("the module bcc is not iovisor's; remove pip's bcc and apt-get install python3-bpfcc") from error
