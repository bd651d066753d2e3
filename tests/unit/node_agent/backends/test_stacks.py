import struct
from collections.abc import Iterator, Mapping

import pytest

from fleettrace.errors import Malformed
from fleettrace.model.output import Decode
from fleettrace.snapshot import Stack
from node_agent.backends.bcc import stacks
from node_agent.backends.bcc.stacks import StackReader
from node_agent.kernel.bpf import MapType
from node_agent.kernel.maps import BpfMap, MapDefinition
from node_agent.kernel.symbols_user import UNKNOWN_FRAME

DEPTH = 4
NO_STACK = -14
OVERFLOW_MARK = 1 << 30
DECODE = Decode("samples", "stacks")


class FakeMap(BpfMap):
    """A map in memory."""

    def __init__(self, contents: Mapping[bytes, bytes], value_bytes: int = 8) -> None:
        self.definition = MapDefinition("m", MapType.HASH, 4, value_bytes, 8)
        self._contents = contents

    def lookup(self, key: bytes) -> tuple[bytes] | None:
        return (self._contents[key],) if key in self._contents else None

    def entries(self) -> Iterator[tuple[bytes, tuple[bytes]]]:
        return ((key, (value,)) for key, value in self._contents.items())


def sample(user: int, kernel: int, comm: bytes = b"app", tgid: int = 42) -> bytes:
    return struct.pack("<QIIii16s", 0x7FFD, tgid, 0, user, kernel, comm)


def stack(*addresses: int) -> bytes:
    return struct.pack(f"<{DEPTH}Q", *addresses, *([0] * (DEPTH - len(addresses))))


def place(stack_id: int) -> bytes:
    return stack_id.to_bytes(4, "little")


def count(number: int) -> bytes:
    return number.to_bytes(8, "little")


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Addresses are their own names; 0xbad has none."""

    class Symbols:
        unread = frozenset[str]()

        def __init__(self, **_: object) -> None: ...

        def name_until(self, until_s: float) -> None: ...

        def note(self, life: object, seen_ns: int) -> None: ...

        def resolve(self, *arguments: object) -> dict[int, str]:
            addresses = arguments[-1]
            assert isinstance(addresses, set)
            return {a: UNKNOWN_FRAME if a == 0xBAD else f"f{a:x}" for a in addresses}

        def close(self) -> None: ...

    monkeypatch.setattr(stacks, "KernelSymbols", Symbols)
    monkeypatch.setattr(stacks, "UserSymbols", Symbols)
    monkeypatch.setattr(stacks, "_record_mappings", lambda: None)


def reader(samples: Mapping[bytes, bytes], kept: Mapping[bytes, bytes], **more: FakeMap) -> StackReader:
    maps = {"samples": FakeMap(samples), "stacks": FakeMap(kept, DEPTH * 8), "ft_processes": FakeMap({}), **more}
    return StackReader(maps, DECODE, "samples")


def test_frames_are_root_first_with_the_kernels_after_the_users() -> None:
    stacks_read = reader({sample(1, 2): count(3)}, {place(1): stack(0xA2, 0xA1), place(2): stack(0xB2, 0xB1)})
    frames = ("app", "fa1", "fa2", "fb1_[k]", "fb2_[k]")
    assert stacks_read.snapshot().stacks == (Stack(frames, 3, "samples"),)
    assert stacks_read.truncated_stacks == 0


def test_a_sample_may_have_one_of_the_stacks_or_none() -> None:
    samples = {sample(NO_STACK, 2): count(1), sample(1, NO_STACK): count(2), sample(NO_STACK, NO_STACK): count(4)}
    found = reader(samples, {place(1): stack(0xA1), place(2): stack(0xB1)}).snapshot().stacks
    assert {s.frames: s.value for s in found} == {("app", "fb1_[k]"): 1, ("app", "fa1"): 2, ("app",): 4}


def test_alike_stacks_of_several_processes_are_one() -> None:
    samples = {sample(1, NO_STACK, tgid=1): count(1), sample(1, NO_STACK, tgid=2): count(2)}
    assert reader(samples, {place(1): stack(0xA1)}).snapshot().stacks == (Stack(("app", "fa1"), 3, "samples"),)


def test_stacks_that_collided_are_in_the_overflow_map() -> None:
    overflow = FakeMap({place(1): stack(0xC1)}, DEPTH * 8)
    samples = {sample(1, NO_STACK): count(1), sample(1 | OVERFLOW_MARK, NO_STACK): count(2)}
    found = reader(samples, {place(1): stack(0xA1)}, stacks_overflow=overflow).snapshot().stacks
    assert {s.frames: s.value for s in found} == {("app", "fa1"): 1, ("app", "fc1"): 2}


def test_a_stack_that_fills_all_slots_was_cut_off() -> None:
    stacks_read = reader({sample(1, NO_STACK): count(5)}, {place(1): stack(1, 2, 3, 4)})
    stacks_read.snapshot()
    assert stacks_read.truncated_stacks == 5


def test_a_run_of_unknown_frames_is_shown_once() -> None:
    (found,) = reader({sample(1, NO_STACK): count(1)}, {place(1): stack(0xBAD, 0xA1, 0xBAD, 0xBAD)}).snapshot().stacks
    assert found.frames == ("app", "[unknown]", "fa1", "[unknown]")


def test_a_program_without_the_maps_is_refused() -> None:
    with pytest.raises(Malformed, match="ft_processes"):
        StackReader({"samples": FakeMap({}), "stacks": FakeMap({})}, DECODE, "samples")
