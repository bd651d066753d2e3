"""Arguments of USDT sites: from the assembler's notation to what a program needs in order to read one.

Notation: ``SIZE@OPERAND``, the size in bytes negative for signed numbers; x86-64 operands in AT&T syntax (``%edi``,
``$5``, ``-8(%rbp)``, ``8(%rax,%rbx,4)``), aarch64 ones as ``x0``, ``5``, ``[sp, 16]``, ``[x1, x2]``
(https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation). Offsets: ``struct pt_regs`` of the kernel's
``arch/x86/include/asm/ptrace.h`` and ``struct user_pt_regs`` of ``arch/arm64/include/uapi/asm/ptrace.h``.
"""

import platform
import re
from dataclasses import dataclass
from enum import IntEnum

from fleettrace.errors import BadInput

__all__ = ["ArgumentRead", "Form", "parse_argument"]


class Form(IntEnum):
    """Where a value is; FT_USDT_... of the common header ``uprobes``."""

    NONE = 0
    CONSTANT = 1
    REGISTER = 2
    MEMORY = 3
    """At register + displacement."""
    INDEXED = 4
    """At register + (index << shift) + displacement."""


@dataclass(frozen=True, slots=True)
class ArgumentRead:
    """How to read one argument; registers are offsets in bytes into the saved registers."""

    form: Form
    size_bytes: int
    signed: bool
    value: int = 0
    """The constant, or the displacement."""
    register: int = 0
    index: int = 0
    shift: int = 0


_X86_OFFSETS = {
    "15": 0, "14": 8, "13": 16, "12": 24, "bp": 32, "bx": 40, "11": 48, "10": 56, "9": 64, "8": 72,
    "ax": 80, "cx": 88, "dx": 96, "si": 104, "di": 112, "ip": 128, "sp": 152,
}  # fmt: skip
_ARM64_OFFSETS = {**{str(number): number * 8 for number in range(31)}, "sp": 248}
_X86_REGISTER = re.compile(r"[re]?([abcd]x|[sd]i|[sb]p|ip)|([abcd])l|([sd]i|[sb]p)l|r(8|9|1[0-5])[dwb]?")

_ARGUMENT = re.compile(r"(?:(-?)([1248])@)?(.+)")
_NUMBER = r"-?(?:0x[0-9a-f]{1,16}|0|[1-9][0-9]{0,18})"
_X86_CONSTANT = re.compile(rf"\$({_NUMBER})")
_X86_MEMORY = re.compile(rf"({_NUMBER})?\(%(\w+)(?:,%(\w+)(?:,([1248]))?)?\)")
_ARM64_REGISTER = re.compile(r"[xw]([0-9]|[12][0-9]|30)|(sp)")
_ARM64_MEMORY = re.compile(rf"\[(\w+)(?:,#?({_NUMBER})|,(\w+))?\]")
_SEPARATED = re.compile(r",\s+")


def parse_argument(arguments: str, number: int, machine: str = platform.machine()) -> ArgumentRead:
    """The argument of this number, from 0, of a site with these arguments.

    Raises:
        BadInput: there are fewer, or this one is not a number in a register or in memory.
    """
    # aarch64 writes "[sp, 16]": the blank within is no separator.
    given = _SEPARATED.sub(",", arguments).split()
    if not 0 <= number < len(given):
        raise BadInput(f"it has {len(given)} arguments, counted from 0, and no argument {number}")
    match = _ARGUMENT.fullmatch(given[number])
    read = None
    if match is not None:
        size_bytes, signed = int(match[2] or 8), match[1] == "-" or not match[2]
        parse = _parse_x86 if machine == "x86_64" else _parse_arm64
        read = parse(match[3], size_bytes, signed)
    if read is None:
        raise BadInput(f"its argument {number}, {given[number]}, is not a number that a probe can read")
    return read


def _parse_x86(operand: str, size_bytes: int, signed: bool) -> ArgumentRead | None:
    if match := _X86_CONSTANT.fullmatch(operand):
        return ArgumentRead(Form.CONSTANT, size_bytes, signed, int(match[1], 0))
    if operand.startswith("%"):
        register = _x86_register(operand[1:])
        return None if register is None else ArgumentRead(Form.REGISTER, size_bytes, signed, register=register)
    if (match := _X86_MEMORY.fullmatch(operand)) is None or (base := _x86_register(match[2])) is None:
        return None
    displacement = int(match[1] or "0", 0)
    if match[3] is None:
        return ArgumentRead(Form.MEMORY, size_bytes, signed, displacement, base)
    if (index := _x86_register(match[3])) is None:
        return None
    shift = int(match[4] or "1").bit_length() - 1
    return ArgumentRead(Form.INDEXED, size_bytes, signed, displacement, base, index, shift)


def _x86_register(name: str) -> int | None:
    match = _X86_REGISTER.fullmatch(name)
    if match is None:
        return None
    return _X86_OFFSETS[match[1] or (f"{match[2]}x" if match[2] else "") or match[3] or match[4]]


def _parse_arm64(operand: str, size_bytes: int, signed: bool) -> ArgumentRead | None:
    if re.fullmatch(_NUMBER, operand):
        return ArgumentRead(Form.CONSTANT, size_bytes, signed, int(operand, 0))
    if (register := _arm64_register(operand)) is not None:
        return ArgumentRead(Form.REGISTER, size_bytes, signed, register=register)
    if (match := _ARM64_MEMORY.fullmatch(operand)) is None or (base := _arm64_register(match[1])) is None:
        return None
    if match[3] is None:
        return ArgumentRead(Form.MEMORY, size_bytes, signed, int(match[2] or "0", 0), base)
    index = _arm64_register(match[3])
    return None if index is None else ArgumentRead(Form.INDEXED, size_bytes, signed, 0, base, index)


def _arm64_register(name: str) -> int | None:
    match = _ARM64_REGISTER.fullmatch(name)
    return _ARM64_OFFSETS[match[1] or match[2]] if match is not None else None
