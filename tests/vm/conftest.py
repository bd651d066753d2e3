"""One guest for all tests of this folder, which run only when they are asked for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fleet import LiveFleet
from tests.kernel.calls import compile_calls
from tests.vm.agent import controller_socket, install_agent, wheel
from tests.vm.budget import BEGIN_LIMIT_S, FIRST_TEST_LIMIT_S, MINUTES, TEST_LIMIT_S, Budget
from tests.vm.folders import short_folder
from tests.vm.guest import Guest
from tests.vm.image import NoGuest
from tests.vm.objects import install_objects
from tests.vm.policies import CONTROLLER_POLICY, HOST_POLICY
from tests.vm.stage import Stage
from tests.vm.table import Table
from tests.vm.template import Template, ensure_template
from tests.vm.units import install_units
from tests.vm.work import install_works

_table = pytest.StashKey[Table]()
_budget = pytest.StashKey[Budget]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_table] = Table()
    config.stash[_budget] = Budget()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    wanted = config.getoption("--vm") or os.environ.get("FLEETTRACE_VM") == "1"
    limit_s = FIRST_TEST_LIMIT_S
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.vm)
            item.add_marker(pytest.mark.kernel)
            item.add_marker(pytest.mark.timeout(limit_s))
            limit_s = TEST_LIMIT_S
            if not wanted:
                item.add_marker(pytest.mark.skip(reason="boots a virtual machine: give --vm or set FLEETTRACE_VM=1"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("vm") is None or item.config.stash[_budget].has_time():
        return
    item.config.stash[_budget].untried.append(item.nodeid)
    reason = f"not tried: {BEGIN_LIMIT_S / 60:.0f} minutes were over; {MINUTES} sets how many tests/vm has"
    pytest.fail(reason, pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    text = config.stash[_table].text() + config.stash[_budget].text()
    if text:
        terminalreporter.section("on the stock kernel of the guest")
        terminalreporter.write(text)


@pytest.fixture(scope="session")
def template() -> Template:
    """What guests start from. Who asked for these tests is owed a guest: that there can be none is a failure."""
    try:
        return ensure_template()
    except NoGuest as error:
        pytest.fail(f"{error}; tests/run --no-vm leaves this out", pytrace=False)


@pytest.fixture(scope="session")
def guest(template: Template) -> Iterator[Guest]:
    """A guest that has booted."""
    with template.guest() as started:
        yield started


@pytest.fixture(scope="session")
def archive() -> bytes:
    """This checkout's wheel, for guests."""
    return wheel()


@pytest.fixture
def unit_guest(template: Template, archive: bytes) -> Iterator[Guest]:
    """A guest of its own with the units of deploy/systemd as a package would install them; none is started."""
    with template.guest() as started:
        install_agent(started, archive)
        install_objects(started, template.image)
        install_units(started)
        yield started


@pytest.fixture(scope="session")
def stage(
    template: Template, guest: Guest, archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A controller on this machine and an agent in the guest that dials it."""
    state = tmp_path_factory.mktemp("state")
    with short_folder() as folder, LiveFleet(folder, state) as fleet:
        fleet.start_controller(policy=CONTROLLER_POLICY)
        install_agent(guest, archive)
        install_works(guest, compile_calls(tmp_path_factory.mktemp("calls")))
        # Debian's value, 3, keeps perf events from all but CAP_SYS_ADMIN: a test of its own sees what is said of it.
        guest.run("sysctl -q -w kernel.perf_event_paranoid=2")
        guest.push("/tmp/agent.toml", HOST_POLICY.encode())
        guest.run("install -D -m 600 /tmp/agent.toml /etc/fleettrace/agent.toml")
        install_objects(guest, template.image)
        with controller_socket(guest, fleet.address) as controller:
            stage = Stage(fleet, guest)
            stage.connect(controller)
            yield stage


@pytest.fixture(scope="session")
def budget(request: pytest.FixtureRequest) -> Budget:
    return request.config.stash[_budget]


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    return request.config.stash[_table]
