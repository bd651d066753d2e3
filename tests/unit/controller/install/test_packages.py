import csv
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from controller.install.download import Kind
from controller.install.own_wheel import own_requirements, own_wheel, own_wheel_name
from controller.install.wheelhouse import KEPT_BUNDLES, Wheelhouse, pack
from fleettrace.errors import BadInput


def test_the_wheel_holds_the_agent_and_nothing_of_the_controller() -> None:
    with zipfile.ZipFile(io.BytesIO(own_wheel())) as wheel:
        names = wheel.namelist()
        record = next(name for name in names if name.endswith("/RECORD"))
        rows = list(csv.reader(wheel.read(record).decode().splitlines()))
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()

    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"fleettrace", "node_agent"}
    assert {"node_agent/systemd/fleettrace-agent.service", "fleettrace/tools/runqlat/tool.toml"} <= set(names)
    assert [row[0] for row in rows] == names
    assert not any(name.endswith((".pyc", ".so")) for name in names)
    assert "typer" not in metadata
    assert all(f"Requires-Dist: {requirement}\n" in metadata for requirement in own_requirements())


def test_the_same_code_gives_the_same_bytes() -> None:
    assert own_wheel() == own_wheel()


def test_a_bundle_names_its_content_and_hashes_each_package(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "lark-1.3.1-py3-none-any.whl").write_bytes(b"one")
    (wheels / "pip-23.0-py3-none-any.whl").write_bytes(b"pip")

    first = pack(wheels, tmp_path / "bundles", "kind")
    again = pack(wheels, tmp_path / "bundles", "kind")
    (wheels / "lark-1.3.1-py3-none-any.whl").write_bytes(b"two")
    other = pack(wheels, tmp_path / "bundles", "kind")

    assert first == again
    assert first.version != other.version
    with tarfile.open(first.path) as bundle:
        content = bundle.extractfile("requirements.txt")
        assert content is not None
        requirements = content.read().decode()
        packages = [own_wheel_name(), "lark-1.3.1-py3-none-any.whl", "pip-23.0-py3-none-any.whl"]
        assert bundle.getnames()[1:] == packages
    assert f"./lark-1.3.1-py3-none-any.whl --hash=sha256:{hashlib.sha256(b'one').hexdigest()}\n" in requirements
    assert "pip" not in requirements


def test_few_bundles_are_kept(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for number in range(KEPT_BUNDLES + 3):
        (wheels / "lark-1.3.1-py3-none-any.whl").write_bytes(b"%d" % number)
        newest = pack(wheels, tmp_path / "bundles", "kind")

    kept = [path for path in (tmp_path / "bundles").iterdir() if not path.name.startswith(".")]
    assert len(kept) == KEPT_BUNDLES
    assert newest.path in kept


async def test_packages_that_were_not_brought_are_said_to_be_missing(tmp_path: Path) -> None:
    wheelhouse = Wheelhouse(tmp_path / "cache", given=tmp_path / "given")

    for _ in range(2):
        with pytest.raises(BadInput, match=r"fleettrace wheelhouse DIR --arch aarch64 --python 3\.12"):
            await wheelhouse.bundle(Kind("aarch64", (3, 12)))
