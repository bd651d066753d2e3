import pytest

from controller.install.inventory import parse_inventory
from controller.install.target import SshAddress, Target
from fleettrace.errors import BadInput

TEXT = """
jump = "ssh://ops@bastion"
[labels]
zone = "a"
[[host]]
address = "ssh://root@10.0.0.7:2222"
name = "api-1"
[host.labels]
role = "api"
zone = "b"
[[host]]
address = "db-1"
jump = "none"
"""


def test_hosts_take_what_holds_for_all_and_say_what_is_their_own() -> None:
    api, db = parse_inventory(TEXT, "fleet.toml")

    bastion = SshAddress("bastion", "ops")
    assert api == Target(SshAddress("10.0.0.7", "root", 2222), "api-1", {"role": "api", "zone": "b"}, (bastion,))
    assert db == Target(SshAddress("db-1"), "", {"zone": "a"}, ())


def test_without_a_jump_ssh_config_decides() -> None:
    (host,) = parse_inventory('[[host]]\naddress = "a"\n', "fleet.toml")

    assert host.jumps is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[hosts]]\naddress = 'a'", "fleet.toml: hosts is not known; did you mean host?"),
        ("[[host]]\nname = 'a'", "fleet.toml: host 1.address is missing"),
        ("[[host]]\naddress = 'a'\nlabel = 'x'", "did you mean labels?"),
        ("[labels]\nzone = 1", "must be a table of texts"),
        ("[[host]]\naddress = 'a'\n[host.labels]\nrole = 'two words'", "is not of the form name=value"),
        ("[[host]]\naddress = 'a'\nname = 'all'", "cannot be a host name"),
        ("[[host", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=r"\S") as caught:
        parse_inventory(text, "fleet.toml")

    assert message in str(caught.value)
