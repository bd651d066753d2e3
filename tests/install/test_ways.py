"""How hosts are reached: over jump hosts, by ssh_config, and backwards through a tunnel."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from controller.install.wheelhouse import pack
from tests.fakes.waiting import wait_for
from tests.install.bed import Host
from tests.install.conftest import BIN, DIAL, STREAM, Bed, at

NO_WAY = 'add rule inet wall out oifname != "lo" tcp dport { 7070, 7071 } drop'


def block_the_controller(host: Host) -> None:
    """Packets from the host to the controller's port are dropped."""
    host.run("nft", "add table inet wall; add chain inet wall out { type filter hook output priority 0; }; " + NO_WAY)


@pytest.fixture(scope="module")
def inner(bed: Bed) -> Host:
    """A host that only the host ``bastion`` reaches, and that reaches nobody else."""
    bed.host("bastion")
    return bed.site.add("inner", behind="bastion")


def test_a_host_behind_another_is_reached_over_it_and_its_agent_through_a_tunnel(bed: Bed, inner: Host) -> None:
    jump = at(bed.host("bastion"))
    options = ("--on", at(inner), "--dial", DIAL, "--backend", "replay", "-J", jump)

    unseen = bed.done("install", *options, "--wait", "2s", code=13)
    done = bed.done("install", *options, "--tunnel", "--stream", STREAM)

    assert unseen[inner.ip]["fault"] == "not-seen"
    assert "--tunnel" in unseen[inner.ip]["reason"]
    assert done["inner"]["ok"]
    assert bed.done("uninstall", "--on", at(inner), "-J", jump)["inner"]["ok"]


def test_the_way_of_ssh_config_is_taken(bed: Bed, inner: Host) -> None:
    config = bed.site.home / ".ssh" / "config"
    way = f"ProxyJump root@{bed.host('bastion').ip}"
    config.write_text(f"Host inner-alias\n  HostName {inner.ip}\n  User root\n  {way}\n")

    done = bed.done("uninstall", "--on", "ssh://inner-alias")
    config.unlink()

    assert done["inner"]["changes"] == []


def test_no_setting_of_ssh_config_lets_an_unknown_key_pass(bed: Bed) -> None:
    """GIVEN an ssh_config that turns the check off, for the host and for its jump host, WHEN either has a key that
    nobody knows, THEN it is refused."""
    stranger = bed.site.add("stranger", known=False)
    config = bed.folder / "trusting"
    config.write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile none\n  GlobalKnownHostsFile none\n")
    options = ("--ssh-config", str(config), "--on")

    directly = bed.done("uninstall", *options, at(stranger), code=13)
    over = bed.done("uninstall", *options, at(bed.host("bastion")), "-J", at(stranger), code=13)

    assert [host["fault"] for host in (*directly.values(), *over.values())] == ["host-key-unknown"] * 2
    assert f"the jump host {stranger.ip}" in over[bed.host("bastion").ip]["reason"]


def test_a_tunnel_carries_an_agent_that_cannot_reach_the_controller_and_is_made_again(bed: Bed) -> None:
    """GIVEN a host from which no packet reaches the controller, WHEN a tunnel is kept, THEN its agent is connected, and
    is so again after the SSH server ended and came back."""
    host = bed.host("walled")
    block_the_controller(host)
    bed.install(at(host), more=("--tunnel", "--stream", STREAM))
    wait_for("its loss", lambda: "walled" not in bed.connected(), 40)

    tunnel = bed.start("tunnel", "--on", at(host), "--dial", DIAL, "--stream", STREAM)
    wait_for("the agent through the tunnel", lambda: "walled" in bed.connected(), 40)
    host.stop_sshd()
    wait_for("its loss", lambda: "walled" not in bed.connected(), 40)
    host.start_sshd()
    wait_for("the agent through a new tunnel", lambda: "walled" in bed.connected(), 60)
    tunnel.terminate()

    assert tunnel.wait(20) == 0
    told = [line.split()[0] for line in bed.said("tunnel").read_text().splitlines()]
    assert (told[0], told[-1]) == ("open", "open")
    assert "broken" in told


def wheelhouse(folder: Path, python: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Fetch packages where an index is in reach, which it is not from within the site."""
    command = [str(BIN / "fleettrace"), "wheelhouse", str(folder), "--arch", "aarch64", "--python", python]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=150, check=False)


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_the_packages_of_hosts_of_another_architecture_are_fetched(tmp_path: Path, python: str) -> None:
    ended = wheelhouse(tmp_path / "packages", python, tmp_path / "cache")
    assert ended.returncode == 0, ended.stderr
    fetched = tmp_path / "packages" / f"aarch64-python{python}"
    names = {path.name for path in fetched.iterdir()}
    # What is compiled is for their machine, and what is not runs anywhere.
    assert all(name.endswith(("_aarch64.whl", "-none-any.whl")) for name in names)
    assert {name.partition("-")[0] for name in names if name.endswith("_aarch64.whl")} >= {"grpcio", "protobuf"}
    assert pack(fetched, tmp_path / "bundles", fetched.name).size_bytes > 5 << 20


def test_what_an_index_does_not_have_for_hosts_is_named(tmp_path: Path) -> None:
    ended = wheelhouse(tmp_path / "packages", "3.29", tmp_path / "cache")
    assert ended.returncode == 2
    assert re.search(r"it has no build of [a-z].* for such hosts, in the version that runs here", ended.stderr)
    assert not (tmp_path / "packages").exists()


def test_that_no_index_is_in_reach_is_told_as_such(bed: Bed) -> None:
    status, _, error = bed.run("wheelhouse", str(bed.folder / "none"), "--arch", "aarch64")
    assert (status, "cannot be had from an index (none is in reach); on a machine that" in error) == (2, True), error
