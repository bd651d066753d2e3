"""What a program gets of a run's filters: numbers that it compares without knowing how they were written."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_agent.backends.bcc.constants import program_constants
from node_agent.backends.bcc.source import (
    ADDRESS_HIGH,
    ADDRESS_LOW,
    ADDRESS_MASK_HIGH,
    ADDRESS_MASK_LOW,
    LOCAL_PORT,
    PEER_PORT,
    PORT,
)
from node_agent.backends.port import TracePlan
from tests.unit.node_agent.backends.plans import small_plan


def constants(**params: int | str) -> dict[int, int]:
    plan = small_plan(Path("/nowhere"))
    given_too = {**plan.params, **params}
    return program_constants(TracePlan(plan.tool, plan.kind, given_too, None, plan.max_map_bytes, plan.state_directory))


def taken(values: dict[int, int], address: IPv4Address | IPv6Address) -> bool:
    """As ft_connection_wanted() of sockets.bpf.h compares a peer."""
    six = IPv6Address(f"::ffff:{address}") if isinstance(address, IPv4Address) else address
    low, high = (int.from_bytes(half, "little") for half in (six.packed[:8], six.packed[8:]))
    return (low & values[ADDRESS_MASK_LOW], high & values[ADDRESS_MASK_HIGH]) == (
        values[ADDRESS_LOW],
        values[ADDRESS_HIGH],
    )


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.7", ["192.0.2.7"], ["192.0.2.8", "::192.0.2.7"]),
        ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], ["11.0.0.0", "9.255.255.255", "::a00:1"]),
        ("0.0.0.0/0", ["1.2.3.4"], ["::1"]),
        ("2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::1", "32.1.13.184"]),
        ("::/0", ["::1", "1.2.3.4"], []),
    ],
)
def test_a_network_takes_its_own_addresses_and_no_others(network: str, inside: list[str], outside: list[str]) -> None:
    values = constants(address=network)
    assert all(taken(values, ip_address(address)) for address in inside)
    assert not any(taken(values, ip_address(address)) for address in outside)


@given(st.ip_addresses(v=6), st.integers(0, 128), st.ip_addresses(v=6))
def test_any_prefix_takes_what_the_standard_library_takes(own: IPv6Address, bits: int, other: IPv6Address) -> None:
    network = ip_network((own, bits), strict=False)
    values = constants(address=str(network))
    assert taken(values, own)
    assert taken(values, other) == (other in network)


def test_what_is_not_asked_for_is_zero() -> None:
    values = constants(local_port=443)
    assert values[LOCAL_PORT] == 443
    unset = (PORT, PEER_PORT, ADDRESS_LOW, ADDRESS_HIGH, ADDRESS_MASK_LOW, ADDRESS_MASK_HIGH)
    assert not any(values[name] for name in unset)
