import pytest

from controller.install.settings import AgentSettings, Backend, Enrolled, dialled, needs_token
from fleettrace.errors import BadInput
from fleettrace.wire.address import TcpAddress
from node_agent.supervisor import parse_environment

CONTROLLER = TcpAddress("10.0.0.1", 7070)
AGENTS = TcpAddress("10.0.0.2", 7071)


def test_an_agents_settings_are_read_by_its_supervisor_as_they_were_meant() -> None:
    settings = AgentSettings(CONTROLLER, AGENTS, backend=Backend.REPLAY)

    files = settings.files("web-1")

    assert parse_environment(files["agent.env"]) == {
        "FLEETTRACE_CONTROLLER": "10.0.0.1:7070",
        "FLEETTRACE_ARGUMENTS": "--name web-1 --join @/var/lib/fleettrace/join-token --stream 10.0.0.2:7071 "
        "--backend replay",
    }


def test_through_a_tunnel_both_ends_are_on_loopback() -> None:
    settings = AgentSettings(CONTROLLER, AGENTS, tunnel=True)

    assert settings.dials == TcpAddress("127.0.0.1", 7070)
    assert "--stream 127.0.0.1:7071" in settings.files("web-1")["agent.env"]
    assert settings.ends == (CONTROLLER, AGENTS)
    with pytest.raises(BadInput, match="--stream HOST:PORT"):
        AgentSettings(CONTROLLER, tunnel=True)


@pytest.mark.parametrize(
    ("enrolled", "needed"),
    [
        (None, True),
        (Enrolled("web-1", str(CONTROLLER), 2000), False),
        (Enrolled("web-1", str(CONTROLLER), 1000), True),
        (Enrolled("web-2", str(CONTROLLER), 2000), True),
        (Enrolled("web-1", str(AGENTS), 2000), True),
    ],
)
def test_a_host_enrols_when_its_certificate_is_of_no_use(enrolled: Enrolled | None, needed: bool) -> None:
    assert needs_token(enrolled, "web-1", str(CONTROLLER), now_ms=1000) is needed


@pytest.mark.parametrize("text", ["", "unix:/run/c.sock", "10.0.0.1:0"])
def test_agents_need_an_address_on_the_network(text: str) -> None:
    with pytest.raises(BadInput, match="--dial HOST:PORT"):
        dialled(text)
