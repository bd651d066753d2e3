"""One guest for all tests of this folder, which run only when they are asked for."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import ROOMY
from tests.integration.fleet import LiveFleet
from tests.vm.agent import STATE_DIRECTORY, install_agent, wheel
from tests.vm.folders import short_folder
from tests.vm.guest import Guest
from tests.vm.image import NoGuest, cache_directory
from tests.vm.stage import Stage
from tests.vm.table import Table
from tests.vm.template import Template, ensure_template
from tests.vm.work import install_works

# On an emulated CPU, on a machine that does other things as well.
SLOW_HOSTS = """
[waits]
start_s = 120
end_s = 60
"""

TEST_LIMIT_S = 1_200
"""The first test builds the guest and waits until its agent has compiled the catalogue."""

_table = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_table] = Table()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    wanted = config.getoption("--vm") or os.environ.get("FLEETTRACE_VM") == "1"
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.vm)
            item.add_marker(pytest.mark.kernel)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TEST_LIMIT_S))
            if not wanted:
                item.add_marker(pytest.mark.skip(reason="boots a virtual machine: give --vm or set FLEETTRACE_VM=1"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if text := config.stash[_table].text():
        terminalreporter.section("on the stock kernel of the guest")
        terminalreporter.write(text)


@pytest.fixture(scope="session")
def template() -> Template:
    """What guests start from. Who asked for these tests is owed a guest: that there can be none is a failure."""
    try:
        return ensure_template()
    except NoGuest as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def guest(template: Template) -> Iterator[Guest]:
    """A guest that has booted."""
    with template.guest() as started:
        yield started


@pytest.fixture(scope="session")
def stage(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A controller on this machine and an agent in the guest that dials it."""
    state = tmp_path_factory.mktemp("state")
    with short_folder() as folder, LiveFleet(folder, state) as fleet:
        fleet.address = f"127.0.0.1:{_free_port()}"
        fleet.start_controller(policy=ROOMY + SLOW_HOSTS)
        install_agent(guest, wheel())
        install_works(guest)
        # Objects are named by all that they depend on: what was compiled for an earlier run may be there, or may not.
        kept = cache_directory() / "objects.tar"
        if kept.exists():
            guest.push("/tmp/objects.tar", kept.read_bytes())
            guest.run(f"tar --extract --file=/tmp/objects.tar --directory={STATE_DIRECTORY}")
        stage = Stage(fleet, guest)
        try:
            stage.connect()
        finally:
            _keep(kept, stage.objects())
        yield stage


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    return request.config.stash[_table]


def _keep(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
