from pathlib import Path

import pytest

from node_agent.backends.bcc.header_tree import STRUCTS, layout_macros, write_header_tree
from node_agent.kernel.btf import Field, KernelTypes


class Types(KernelTypes):
    """One field in each struct."""

    def __init__(self) -> None: ...

    def fields(self, struct_name: str) -> list[Field]:  # type: ignore[override]
        return [Field("pid", 1264, 4)]

    def enumerators(self, enum_name: str) -> list[tuple[str, int]]:  # type: ignore[override]
        return [("PG_locked", 0), ("PG_head", 6)]


def test_every_field_has_an_offset_and_a_size() -> None:
    lines = layout_macros(Types()).splitlines()
    first = STRUCTS[0]
    assert lines[:2] == [f"#define FT_OFFSET_{first}__pid 1264", f"#define FT_SIZE_{first}__pid 4"]
    assert len(lines) == 2 * len(STRUCTS) + 1


def test_an_enumerator_that_programs_use_has_its_value() -> None:
    assert layout_macros(Types()).splitlines()[-1] == "#define FT_ENUM_PG_head 6"


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.1.0-18-amd64", "6, 1, 0"), ("5.15.0", "5, 15, 0"), ("6.18", "6, 18, 0"), ("6.9.0+", "6, 9, 0")],
)
def test_the_version_is_that_of_the_running_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str, version: str
) -> None:
    monkeypatch.setattr("os.uname", lambda: type("Uname", (), {"release": release}))
    write_header_tree(tmp_path, Types())
    assert f"KERNEL_VERSION({version})" in (tmp_path / "include/linux/kconfig.h").read_text()


def test_headers_that_the_prelude_names_lead_to_the_one(tmp_path: Path) -> None:
    write_header_tree(tmp_path, Types())
    assert (tmp_path / "include/uapi/linux/bpf.h").read_text() == "#include <linux/kconfig.h>\n"
