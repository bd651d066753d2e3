from pathlib import Path

import pytest

from node_agent.backends.bcc.header_tree import layout_macros, write_header_tree
from node_agent.kernel.btf import Field, KernelTypes


class Types(KernelTypes):
    """One field in each of two structs, and an enum."""

    def __init__(self) -> None: ...

    def fields(self, struct_name: str) -> list[Field]:  # type: ignore[override]
        known = {"task_struct": [Field("__state", 24, 4)], "inode": [Field("i_sb", 40, 8)]}
        return known.get(struct_name, [])

    def enumerators(self, enum_name: str) -> list[tuple[str, int]]:  # type: ignore[override]
        return {"pageflags": [("PG_locked", 0), ("PG_head", 6)]}[enum_name]


@pytest.mark.parametrize(
    "text",
    [
        "FT_READ(state, task, task_struct, __state);",
        "FT_READ(state, (void *)ctx->args[0],\n        task_struct , __state);",
        "bpf_probe_read_kernel(&state, 4, task + FT_OFFSET_task_struct____state);",
        "#ifdef FT_SIZE_task_struct____state",
        "FT_READ(x, skb + FT_OFFSET_task_struct____state, no_such_struct, y);",
    ],
)
def test_a_struct_that_a_program_names_has_the_places_of_all_its_fields(text: str) -> None:
    expected = "#define FT_OFFSET_task_struct____state 24\n#define FT_SIZE_task_struct____state 4"
    assert layout_macros(Types(), text) == expected


def test_what_a_program_does_not_name_is_not_there() -> None:
    assert layout_macros(Types(), "int on_exit(void *ctx) { return 0; }") == ""


def test_an_enum_that_a_program_names_has_its_values() -> None:
    lines = layout_macros(Types(), "flags & (1ULL << FT_ENUM_pageflags__PG_head)").splitlines()
    assert lines == ["#define FT_ENUM_pageflags__PG_locked 0", "#define FT_ENUM_pageflags__PG_head 6"]


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.1.0-18-amd64", "6, 1, 0"), ("5.15.0", "5, 15, 0"), ("6.18", "6, 18, 0"), ("6.9.0+", "6, 9, 0")],
)
def test_the_version_is_that_of_the_kernel(tmp_path: Path, release: str, version: str) -> None:
    write_header_tree(tmp_path, Types(), release, "")
    assert f"KERNEL_VERSION({version})" in (tmp_path / "include/linux/kconfig.h").read_text()


def test_headers_that_the_prelude_names_lead_to_the_one(tmp_path: Path) -> None:
    write_header_tree(tmp_path, Types(), "6.1.0", "")
    assert (tmp_path / "include/uapi/linux/bpf.h").read_text() == "#include <linux/kconfig.h>\n"


def test_a_programs_own_text_is_not_in_the_tree(tmp_path: Path) -> None:
    write_header_tree(tmp_path, Types(), "6.1.0", "FT_READ(state, task, task_struct, __state);")
    header = (tmp_path / "include/linux/kconfig.h").read_text()
    assert "#define FT_SIZE_task_struct____state 4" in header
    assert "FT_READ" not in header
