from pathlib import Path

from node_agent.kernel.symbols_kernel import UNKNOWN_KERNEL_FRAME, KernelSymbols

KALLSYMS = """\
ffffffff81000000 T _text
ffffffff81000100 t helper
ffffffff81000180 d some_data
ffffffff81000200 W weak_function
ffffffffc0001000 t in_module\t[some_module]
ffffffffc0000000 t bpf_prog_1234\t[bpf]
"""


def resolve(path: Path, *addresses: int) -> list[str]:
    names = KernelSymbols(path).resolve(addresses)
    return [names[address] for address in addresses]


def test_an_address_belongs_to_the_function_that_starts_before_it(tmp_path: Path) -> None:
    (tmp_path / "kallsyms").write_text(KALLSYMS)
    assert resolve(tmp_path / "kallsyms", 0xFFFFFFFF81000000, 0xFFFFFFFF810001F0, 0xFFFFFFFF81000200) == [
        "_text",
        "helper",
        "weak_function",
    ]


def test_modules_need_not_be_in_order(tmp_path: Path) -> None:
    (tmp_path / "kallsyms").write_text(KALLSYMS)
    names = resolve(tmp_path / "kallsyms", 0xFFFFFFFFC0000010, 0xFFFFFFFFC0001010)
    assert names == ["bpf_prog_1234 [bpf]", "in_module [some_module]"]


def test_without_the_capability_every_address_reads_as_zero(tmp_path: Path) -> None:
    (tmp_path / "kallsyms").write_text("0000000000000000 T _text\n")
    assert resolve(tmp_path / "kallsyms", 0xFFFFFFFF81000000) == [UNKNOWN_KERNEL_FRAME]


def test_without_the_file_frames_have_no_name(tmp_path: Path) -> None:
    assert resolve(tmp_path / "missing", 0xFFFFFFFF81000000) == [UNKNOWN_KERNEL_FRAME]


def test_the_file_is_read_for_new_addresses_only(tmp_path: Path) -> None:
    path = tmp_path / "kallsyms"
    path.write_text(KALLSYMS)
    symbols = KernelSymbols(path)
    symbols.resolve([0xFFFFFFFF81000110])
    path.unlink()
    assert symbols.resolve([0xFFFFFFFF81000110]) == {0xFFFFFFFF81000110: "helper"}
