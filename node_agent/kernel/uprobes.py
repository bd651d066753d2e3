"""Uprobes: programs at functions and USDT probes of binaries, in every process that maps them.

Two ways, which measure the same: one link for all places (``uprobe_multi``, since 6.6, with CAP_BPF and CAP_PERFMON
alone), or a perf event for each (with CAP_SYS_ADMIN). Both are descriptors of this process, so that none outlives it.
A hit is a trap, which costs the traced thread microseconds; a process that a filter names is the only one to trap.
"""

import errno
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fleettrace.errors import AttachFailed, BadInput
from fleettrace.model.attach import Attach
from fleettrace.model.calibration import HitKind
from fleettrace.model.params import ParamValue
from node_agent.kernel.binaries import HOST_ROOT, Binary, open_binary, root_of_process
from node_agent.kernel.binary_symbols import find_function
from node_agent.kernel.bpf import AttachType, ProgramType, link_uprobes
from node_agent.kernel.containers import find_container, first_process
from node_agent.kernel.perf_events import open_uprobe, run_on_events
from node_agent.kernel.probe import Load, Probe
from node_agent.kernel.usdt import UsdtProbe, find_usdt
from node_agent.kernel.usdt_arguments import ArgumentRead, Form, parse_argument

__all__ = ["MAX_SITES", "UPROBES", "UPROBE_KINDS", "Place", "UprobeEvents", "UprobeLink", "parse_uprobes"]

MAX_SITES = 256
"""The most places of one USDT probe; inlined functions multiply them."""

UPROBE_KINDS = frozenset({"uprobe", "uretprobe", "usdt", "uprobe_multi", "uretprobe_multi", "usdt_multi"})
"""``KIND:{binary}:{symbol}``, or ``usdt:{binary}:{provider}:{probe}``, each name that of a parameter."""

# FT_USDT_... of fleettrace/tools/common/uprobes.bpf.h
_FORM, _REGISTER, _INDEX, _SHIFT, _VALUE, _BYTES, _SIGNED = range(18, 25)
_NOP = 0x90
_REX_B = 0x41
_PUSHES = range(0x50, 0x58)
_GO_SECTIONS = (".gopclntab", ".go.buildinfo", ".note.go.buildid")


@dataclass(frozen=True, slots=True)
class Place:
    """An offset into a file; ``semaphore_offset`` is that of a USDT semaphore, 0 for none."""

    offset: int
    semaphore_offset: int = 0


@dataclass(frozen=True, slots=True)
class UprobeLink:
    """Places of a file by one ``uprobe_multi`` link; ``pid`` 0: in every process."""

    path: Path
    places: tuple[Place, ...]
    on_return: bool
    pid: int
    build_id: str
    load: Load
    kind: HitKind = HitKind.UPROBE

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`node_agent.kernel.probe.Probe.attach`."""
        places = [(place.offset, place.semaphore_offset) for place in self.places]
        try:
            return [link_uprobes(program_fd, bytes(self.path), places, on_return=self.on_return, pid=self.pid)]
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise AttachFailed("this kernel has no uprobe_multi links (they came with 6.6)") from error
            raise AttachFailed(f"uprobe on {self.path}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class UprobeEvents:
    """The same by a perf event for each place."""

    path: Path
    places: tuple[Place, ...]
    on_return: bool
    pid: int
    build_id: str
    load: Load
    kind: HitKind = HitKind.UPROBE

    def attach(self, program_fd: int) -> list[int]:
        """See :meth:`node_agent.kernel.probe.Probe.attach`."""
        opens = [
            partial(
                open_uprobe,
                bytes(self.path),
                place.offset,
                semaphore_offset=place.semaphore_offset,
                on_return=self.on_return,
                pid=self.pid,
            )
            for place in self.places
        ]
        return run_on_events(opens, program_fd, f"uprobe on {self.path} by a perf event, which needs CAP_SYS_ADMIN")


UPROBES = (UprobeLink, UprobeEvents)
"""Probes that are in a program or library."""


def parse_uprobes(
    attach: Attach, kind: str, names: Sequence[str], params: Mapping[str, ParamValue]
) -> tuple[Probe, ...]:
    """The probes of a manifest's ``KIND:{PARAMETER}:...``: several where arguments of a USDT probe's sites differ.

    Raises:
        BadInput: a binary, function, USDT probe, argument or process that is not here.
        Unfit: this process may not read the binary.
    """
    asked = [str(params[name.strip("{}")]) for name in names]
    by_link = kind.endswith("_multi")
    what = kind.removesuffix("_multi")
    pid = int(params.get("pid", 0))
    with open_binary(asked[0], _root(params)) as binary:
        if what == "usdt":
            probe = find_usdt(binary, asked[1], asked[2])
            number = -1 if attach.argument_param is None else int(params[attach.argument_param])
            reads, costs_as = _usdt_reads(probe, number), HitKind.UPROBE_EMULATED
        else:
            if what == "uretprobe":
                _check_returns(binary)
            places = tuple(Place(function.file_offset) for function in find_function(binary, asked[1]))
            reads, costs_as = {(): places}, _costs_as(binary, places, at_return=what == "uretprobe")
        path, build_id = binary.kernel_path, binary.build_id
    attach_type = AttachType.UPROBE_MULTI if by_link else AttachType.UNSPECIFIED
    make = UprobeLink if by_link else UprobeEvents
    return tuple(
        make(
            path, sites, what == "uretprobe", pid, build_id, Load(ProgramType.KPROBE, attach_type, constants), costs_as
        )
        for constants, sites in reads.items()
    )


def _costs_as(binary: Binary, places: Sequence[Place], *, at_return: bool) -> HitKind:
    """The dearest of the places: what is not known to be emulated is taken to be single-stepped."""
    if at_return:
        return HitKind.URETPROBE
    emulated = all(_is_emulated(binary.elf.read(2, place.offset)) for place in places)
    return HitKind.UPROBE_EMULATED if emulated else HitKind.UPROBE


def _is_emulated(code: bytes) -> bool:
    """Whether the kernel emulates an instruction instead of stepping over it.

    Of x86-64 a nop, and a push with or without its prefix: ``branch_setup_xol_ops()`` and ``push_setup_xol_ops()`` in
    arch/x86/kernel/uprobes.c. Of others nothing is known.
    """
    if platform.machine() != "x86_64" or len(code) < 2:
        return False
    first = code[1] if code[0] == _REX_B else code[0]
    return first in _PUSHES or code[0] == _NOP


def _root(params: Mapping[str, ParamValue]) -> Path:
    """Where paths begin: as the process sees them, or the container, that the filters name."""
    if "container" in params:
        scope = find_container(str(params["container"]))
        return root_of_process(first_process(scope.path))
    return root_of_process(int(params["pid"])) if "pid" in params else HOST_ROOT


def _check_returns(binary: Binary) -> None:
    if any(section.name in _GO_SECTIONS for section in binary.elf.sections):
        raise BadInput(
            f"{binary.name} is a Go program: its stacks move, and a probe on the return of a function would crash it; "
            "trace it by its own tools (pprof), or its system calls with syscount"
        )


def _usdt_reads(probe: UsdtProbe, number: int) -> dict[tuple[tuple[int, int], ...], tuple[Place, ...]]:
    """The places of a probe by the constants with which its program reads the argument; ``number`` < 0: none."""
    if len(probe.sites) > MAX_SITES:
        raise BadInput(f"{probe.full_name} has {len(probe.sites)} sites, over the limit of {MAX_SITES}: take another")
    reads: dict[tuple[tuple[int, int], ...], tuple[Place, ...]] = {}
    for site in probe.sites:
        try:
            read = parse_argument(site.arguments, number) if number >= 0 else _NO_ARGUMENT
        except BadInput as error:
            raise BadInput(f"{probe.full_name} of {probe.binary}: {error}") from error
        constants = _constants(read)
        reads[constants] = (*reads.get(constants, ()), Place(site.file_offset, site.semaphore_offset))
    return reads


_NO_ARGUMENT = ArgumentRead(Form.NONE, 8, signed=False)


def _constants(read: ArgumentRead) -> tuple[tuple[int, int], ...]:
    return (
        (_FORM, read.form),
        (_REGISTER, read.register),
        (_INDEX, read.index),
        (_SHIFT, read.shift),
        (_VALUE, read.value),
        (_BYTES, read.size_bytes),
        (_SIGNED, int(read.signed)),
    )
