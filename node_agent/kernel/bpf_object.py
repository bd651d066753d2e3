"""Objects: compiled programs with their maps, before anything is in the kernel.

An object is made once per program text and kernel (see ``node_agent.backends.bcc``), kept as JSON and
loaded by :mod:`node_agent.kernel.loader`. Two things in its bytecode are filled in when it is loaded:

* **map references**: an ``ldimm64`` with source register ``BPF_PSEUDO_MAP_FD`` takes the map's descriptor;
* **parameters**: the common header makes ``PARAM(id)`` an ``ldimm64`` of :data:`PARAM_MAGIC` + id, which takes
  the parameter's value. The verifier follows constants, so that branches which a value rules out are never
  run, and one object serves every filter.
"""

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node_agent.kernel.maps import MapDefinition

__all__ = ["PARAM_MAGIC", "BpfObject", "ProgramCode", "find_relocations"]

PARAM_MAGIC = 0x666C_6574_0000_0000
"""``flet`` and a 32-bit id."""

_MAX_PARAM_ID = 0xFFFF
_LDIMM64 = 0x18  # BPF_LD | BPF_IMM | BPF_DW: the only instruction of two slots
_PSEUDO_MAP_FD = 1
_INSTRUCTION = struct.Struct("<BBhi")
_U64 = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class ProgramCode:
    """Bytecode, with the instruction slots to fill in: ``(slot, map's name)`` and ``(slot, parameter's id)``."""

    name: str
    instructions: bytes
    map_slots: tuple[tuple[int, str], ...]
    param_slots: tuple[tuple[int, int], ...]

    def specialise(self, map_fds: Mapping[str, int], params: Mapping[int, int]) -> bytes:
        """The bytecode with descriptors and values in place.

        Raises:
            KeyError: a map or a parameter of the program is not given.
        """
        code = bytearray(self.instructions)
        for slot, map_name in self.map_slots:
            _put_immediate(code, slot, map_fds[map_name])
        for slot, param_id in self.param_slots:
            _put_immediate(code, slot, params[param_id])
        return bytes(code)


@dataclass(frozen=True, slots=True)
class BpfObject:
    """Programs and the maps that they share."""

    maps: tuple[MapDefinition, ...]
    programs: Mapping[str, ProgramCode]

    @property
    def param_ids(self) -> frozenset[int]:
        """Every parameter that some program reads."""
        return frozenset(param for program in self.programs.values() for _, param in program.param_slots)

    def to_json(self) -> dict[str, Any]:
        """The object as plain data."""
        return {
            "maps": [[m.name, m.type, m.key_bytes, m.value_bytes, m.max_entries, m.flags] for m in self.maps],
            "programs": {
                name: {
                    "instructions": base64.b64encode(program.instructions).decode(),
                    "map_slots": program.map_slots,
                    "param_slots": program.param_slots,
                }
                for name, program in self.programs.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "BpfObject":
        """The inverse of :meth:`to_json`.

        Raises:
            ValueError: the data is not of that form.
        """
        try:
            return cls(
                maps=tuple(MapDefinition(*fields) for fields in data["maps"]),
                programs={
                    name: ProgramCode(
                        name,
                        base64.b64decode(program["instructions"], validate=True),
                        tuple((int(slot), str(map_name)) for slot, map_name in program["map_slots"]),
                        tuple((int(slot), int(param)) for slot, param in program["param_slots"]),
                    )
                    for name, program in data["programs"].items()
                },
            )
        except (KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise ValueError(f"not a compiled object: {error!r}") from error


def find_relocations(name: str, instructions: bytes, map_names: Mapping[int, str]) -> ProgramCode:
    """Find what is to be filled in, in bytecode whose map references hold the descriptors of ``map_names``.

    Raises:
        ValueError: the bytecode refers to a descriptor that is not in ``map_names``, or is cut off.
    """
    map_slots: list[tuple[int, str]] = []
    param_slots: list[tuple[int, int]] = []
    code = bytearray(instructions)
    slot = 0
    while slot < len(code) // 8:
        opcode, registers, _, immediate = _INSTRUCTION.unpack_from(code, slot * 8)
        if opcode != _LDIMM64:
            slot += 1
            continue
        if (slot + 2) * 8 > len(code):
            raise ValueError(f"the bytecode of {name} ends within an instruction")
        if registers >> 4 == _PSEUDO_MAP_FD:
            if immediate not in map_names:
                raise ValueError(f"the bytecode of {name} refers to an unknown map descriptor {immediate}")
            map_slots.append((slot, map_names[immediate]))
            _put_immediate(code, slot, 0)
        else:
            (high,) = struct.unpack_from("<I", code, slot * 8 + 12)
            param_id = (high << 32 | immediate & 0xFFFF_FFFF) - PARAM_MAGIC
            if 0 < param_id <= _MAX_PARAM_ID:
                param_slots.append((slot, param_id))
                _put_immediate(code, slot, 0)
        slot += 2
    return ProgramCode(name, bytes(code), tuple(map_slots), tuple(param_slots))


def _put_immediate(code: bytearray, slot: int, value: int) -> None:
    """Set the 64-bit immediate of the ``ldimm64`` at a slot; its halves are in two slots."""
    value &= _U64
    struct.pack_into("<I", code, slot * 8 + 4, value & 0xFFFF_FFFF)
    struct.pack_into("<I", code, slot * 8 + 12, value >> 32)
