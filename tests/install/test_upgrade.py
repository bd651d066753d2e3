"""Upgrades: in waves, and back to the version before where the new one does no good."""

import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from controller.install.download import Kind
from tests.install.conftest import Bed, at

NAMES = ("first", "second", "third")


@pytest.fixture(scope="module")
def addresses(bed: Bed) -> str:
    """Three hosts with this version of the agent."""
    hosts = [bed.host(name) for name in NAMES]
    bed.install(*map(at, hosts))
    return ",".join(map(at, hosts))


def changed_packages(bed: Bed, name: str, addition: str) -> Path:
    """Packages of which one ends with ``addition``: another version, whose own code is the same."""
    kind = str(Kind(os.uname().machine, sys.version_info[:2]))
    folder = bed.folder / name
    status, _, error = bed.run("wheelhouse", str(folder))
    assert status == 0, error
    (wheel,) = (folder / kind).glob("grpcio-*.whl")
    changed = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(changed, "w") as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item, data + addition.encode() if item.filename == "grpc/__init__.py" else data)
    shutil.move(changed, wheel)
    return folder


def test_a_version_that_does_not_start_goes_back_and_no_further_host_is_begun(bed: Bed, addresses: str) -> None:
    """GIVEN three hosts, WHEN they are upgraded to a version that ends at once, THEN the first host runs its previous
    version again, and the others were not touched."""
    broken = changed_packages(bed, "broken", "raise SystemExit('this version does not start')\n")
    untouched = bed.host("third").view()

    done = bed.done("upgrade", "--on", addresses, "--wheelhouse", str(broken), "--wait", "8s", code=13)

    first, *others = done.values()
    assert (first["host"], first["fault"], first["went_back"]) == ("first", "not-seen", True)
    assert "this version does not start" in first["reason"]
    assert "its previous version runs again" in first["reason"]
    assert [host["fault"] for host in others] == ["left-out"] * 2
    assert bed.connected() >= set(NAMES)
    assert bed.host("third").view() == untouched


def test_a_version_that_works_is_given_to_all_and_keeps_the_settings(bed: Bed, addresses: str) -> None:
    settings = bed.host("second").run("cat", "/etc/fleettrace/agent.env")
    newer = changed_packages(bed, "newer", "NEWER = True\n")

    done = bed.done("upgrade", "--on", addresses, "--wheelhouse", str(newer))
    again = bed.done("upgrade", "--on", addresses, "--wheelhouse", str(newer))

    assert len({host["version"] for host in done.values()}) == 1
    assert all("package" in host["changes"] for host in done.values())
    assert [host["changes"] for host in again.values()] == [[], [], []]
    assert bed.connected() >= set(NAMES)
    assert bed.host("second").run("cat", "/etc/fleettrace/agent.env") == settings


def test_a_host_without_an_agent_is_named_and_stops_nobody(bed: Bed, addresses: str) -> None:
    empty = bed.host("empty")

    done = bed.done("upgrade", "--on", f"{at(empty)},{addresses}", code=9)

    assert done[empty.ip]["fault"] == "not-installed"
    assert all(done[name]["ok"] for name in NAMES)


def test_a_version_that_cannot_trace_leaves_nothing_where_another_one_runs(bed: Bed) -> None:
    """GIVEN a host with an agent, whose types of the kernel are none any more, WHEN another version that is to trace
    is installed, THEN nothing of it is left, and the agent runs on."""
    host = bed.host("went-blind")
    bed.install(at(host))
    versions, agents = host.run("ls", "/opt/fleettrace/versions"), host.processes("fleettrace-agent")
    host.run("sh", "-c", "echo >/run/no-types && mount --bind /run/no-types /sys/kernel/btf/vmlinux")
    newer = changed_packages(bed, "for-the-blind", "FOR_THE_BLIND = True\n")

    found = bed.install(at(host), more=("--backend", "bcc", "--wheelhouse", str(newer)), code=13)[host.ip]

    assert found["fault"] == "cannot-trace"
    assert host.run("ls", "/opt/fleettrace/versions") == versions
    assert host.processes("fleettrace-agent") == agents
    assert "went-blind" in bed.connected()
