import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.install.target import SshAddress, Target, check_targets, parse_address, parse_addresses, parse_jumps
from fleettrace.errors import BadInput


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ssh://root@web-1", SshAddress("web-1", "root")),
        ("ssh://web-1.example:2222/", SshAddress("web-1.example", "", 2222)),
        ("ops@10.0.0.7", SshAddress("10.0.0.7", "ops")),
        ("ssh://ops@[2001:db8::1]:22", SshAddress("2001:db8::1", "ops", 22)),
        ("alias", SshAddress("alias")),
    ],
)
def test_addresses_as_people_write_them(text: str, address: SshAddress) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "ssh://", "http://web-1", "-oProxyCommand=x", "ssh://root@", "web-1:0", "web-1:70000", "a b", "a@-x"],
)
def test_what_is_no_address_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(BadInput, match="write ssh://user@host"):
        parse_address(text)


@given(
    host=st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
    user=st.from_regex(r"([a-z][a-z0-9_-]{0,8})?", fullmatch=True),
    port=st.integers(0, 65535),
)
def test_an_address_that_is_printed_is_parsed_again(host: str, user: str, port: int) -> None:
    address = SshAddress(host, user, port)

    assert parse_address(str(address)) == address


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_bad_input(text: str) -> None:
    try:
        address = parse_address(text)
    except BadInput:
        return
    assert not address.host.startswith("-")


def test_several_addresses_have_commas_between_them() -> None:
    assert [address.host for address in parse_addresses("ssh://a, ssh://b,")] == ["a", "b"]
    with pytest.raises(BadInput, match="no host is named"):
        parse_addresses(" , ")


def test_a_way_has_few_jump_hosts() -> None:
    with pytest.raises(BadInput, match="5 jump hosts"):
        parse_jumps("a,b,c,d,e")


def test_a_host_is_named_once() -> None:
    one = Target(SshAddress("a"))
    with pytest.raises(BadInput, match="the address a is given to two hosts"):
        check_targets([one, Target(SshAddress("a", "root"))])
    with pytest.raises(BadInput, match="the name x is given"):
        check_targets([Target(SshAddress("a"), "x"), Target(SshAddress("b"), "x")])
    with pytest.raises(BadInput, match="no host is named"):
        check_targets([])
    assert check_targets([one, Target(SshAddress("a", port=23))])
