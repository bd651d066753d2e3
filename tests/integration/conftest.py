"""Fleets of real processes: on this kernel, or with recorded samples."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_agent.kernel.inventory import program_ids
from tests.fakes.waiting import wait_for
from tests.integration.fleet import LiveFleet
from tests.integration.tls_site import Site

# Whole-machine traces see what else runs here, other test runs among it: that must not decide these tests.
ROOMY = """
[limits]
max_duration_s = 60
max_cpu_pct = 100.0
max_host_cpu_pct = 300.0
max_events_per_s = 100000000
max_map_mib = 64
max_hosts = 100
[[grant]]
name = "everyone"
teams = ["*"]
tools = ["*"]
hosts = "all"
incident = true
tool_capabilities = { "*" = ["CAP_SYSLOG", "CAP_SYS_PTRACE"] }
one_liners = true
"""


@pytest.fixture(scope="session")
def state_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compiled programs, shared by all agents of the session."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def fleet(state_directory: Path) -> Iterator[LiveFleet]:
    # A socket's path has at most 107 bytes; pytest's own folders can be longer.
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), state_directory) as live:
        live.start_controller(policy=ROOMY)
        yield live


class AttachedPrograms:
    """The BPF programs that tracing children held when they were noted, wherever they may be held later."""

    def __init__(self) -> None:
        self._ids: set[int] = set()

    def note(self, *children: int) -> None:
        """Remember the programs that these processes hold."""
        for child in children:
            for info in Path(f"/proc/{child}/fdinfo").iterdir():
                fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
                if "prog_id" in fields:
                    self._ids.add(int(fields["prog_id"]))
        assert self._ids

    def wait_gone(self, limit_s: float) -> None:
        """Wait until the kernel has none of them any more."""
        wait_for("the end of all programs", lambda: not self._ids & set(program_ids()), limit_s)


@pytest.fixture
def attached() -> AttachedPrograms:
    return AttachedPrograms()


@pytest.fixture(scope="module")
def replaying(state_directory: Path) -> Iterator[LiveFleet]:
    """A fleet of one host that plays recordings, shared by tests that change nothing."""
    with tempfile.TemporaryDirectory(prefix="ft-") as folder, LiveFleet(Path(folder), state_directory) as live:
        live.start_controller()
        live.start_agent("recorded", "--backend", "replay")
        yield live


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        tempfile.TemporaryDirectory(prefix="ft-") as folder,
        LiveFleet(Path(folder), tmp_path_factory.mktemp("state")) as fleet,
    ):
        fleet.start_controller(tls=["localhost"])
        yield Site(fleet, tmp_path_factory.mktemp("site"))
