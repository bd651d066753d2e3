"""The units as systemd itself judges them, and the names in them that it does not look at."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from fleettrace.model.capability import CAPABILITY_NAMES, TRACING_CAPABILITIES
from node_agent.guard.policy import default_host_policy
from node_agent.supervisor import FINAL_STATUSES

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"
AGENT, CONTROLLER = UNITS / "fleettrace-agent.service", UNITS / "fleettrace-controller.service"
DROP_IN = UNITS / "fleettrace-agent.service.d" / "uprobe-one-liners.conf.example"
EXPOSURE = {AGENT: 2.9, CONTROLLER: 1.2}
"""Of 10, as ``systemd-analyze security`` scores them; docs/privileges.md states them."""
MISSPELT = AGENT.read_text().replace("CAP_BPF", "CAP_BFP")

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with the units and the programs that they name."""
    system = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree("/lib/systemd/system", tmp_path / "lib" / "systemd" / "system", symlinks=True)
    system.mkdir(parents=True)
    for unit in EXPOSURE:
        shutil.copy(unit, system)
    for program in (
        "bin/mount",
        "opt/fleettrace/current/bin/fleettrace",
        "opt/fleettrace/current/bin/fleettrace-agent",
    ):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def analyze(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments[:1], f"--root={root}", *arguments[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def values(text: str, key: str) -> list[str]:
    return [word for line in re.findall(rf"^{key}=(.*)$", text, re.MULTILINE) for word in line.split()]


@pytest.mark.parametrize("unit", EXPOSURE, ids=lambda unit: unit.stem)
def test_systemd_understands_every_line(root: Path, unit: Path) -> None:
    done = analyze(root, "verify", "--man=no", unit.name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_would_say_what_it_does_not_understand(root: Path) -> None:
    (root / "etc/systemd/system" / AGENT.name).write_text(AGENT.read_text().replace("ProtectClock=", "ProtectClocks="))
    done = analyze(root, "verify", "--man=no", AGENT.name)
    assert "ProtectClocks" in done.stdout + done.stderr


@pytest.mark.parametrize("unit", EXPOSURE, ids=lambda unit: unit.stem)
def test_the_exposure_is_not_above_what_is_stated(root: Path, unit: Path) -> None:
    stated = EXPOSURE[unit]
    done = analyze(root, "security", "--offline=true", f"--threshold={stated * 10:.0f}", "--no-pager", unit.name)
    assert done.returncode == 0, done.stdout
    found = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) == stated
    assert f"{stated:g}" in (UNITS.parents[1] / "docs" / "privileges.md").read_text()


@pytest.mark.parametrize("path", [*EXPOSURE, DROP_IN], ids=lambda path: path.stem)
@pytest.mark.parametrize("key", ["AmbientCapabilities", "CapabilityBoundingSet"])
def test_every_capability_is_one(path: Path, key: str) -> None:
    """systemd warns of one that it does not know and goes on without it; analyzing does not even warn."""
    assert set(values(path.read_text(), key)) <= set(CAPABILITY_NAMES)


def test_a_misspelt_capability_would_be_seen() -> None:
    assert not set(values(MISSPELT, "AmbientCapabilities")) <= set(CAPABILITY_NAMES)


def test_the_agent_can_hand_on_what_the_built_in_host_policy_allows_and_no_more() -> None:
    text = AGENT.read_text()
    ambient = values(text, "AmbientCapabilities")
    assert ambient == values(text, "CapabilityBoundingSet")
    assert set(ambient) == set(default_host_policy().capabilities) >= set(TRACING_CAPABILITIES)
    assert values(CONTROLLER.read_text(), "AmbientCapabilities") == []


def test_what_needs_a_person_is_not_started_again() -> None:
    """systemd counts a status that it does not know as none, without a word."""
    for unit, final in ((AGENT, FINAL_STATUSES), (CONTROLLER, {BadInput.exit_code})):
        assert values(unit.read_text(), "Restart") == ["always"]
        assert {int(status) for status in values(unit.read_text(), "RestartPreventExitStatus")} == final


def test_the_users_and_folders_of_the_units_are_made(root: Path) -> None:
    """By systemd's own tools, in a machine that is a folder."""
    for name in ("passwd", "group"):
        (root / "etc" / name).touch()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={root}", str(UNITS / "fleettrace.sysusers.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    users = {line.split(":")[0] for line in (root / "etc" / "passwd").read_text().splitlines()}
    assert users >= {values(unit.read_text(), "User")[0] for unit in EXPOSURE}
    made = subprocess.run(
        ["systemd-tmpfiles", f"--root={root}", "--create", str(UNITS / "fleettrace.tmpfiles.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert (root / "etc" / "fleettrace").is_dir()
