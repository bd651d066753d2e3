import pytest

from fleettrace.model.capability import CAPABILITY_NAMES
from node_agent.kernel.capabilities import confine, effective_capabilities


def test_effective_capabilities_are_read_by_name() -> None:
    status = "Name:\tx\nCapInh:\t0000000000000000\nCapEff:\t000000c000000001\nCapBnd:\tffffffffffffffff\n"
    assert effective_capabilities(status) == {"CAP_CHOWN", "CAP_PERFMON", "CAP_BPF"}


def test_numbers_are_those_of_the_kernel() -> None:
    known = {"CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_SYSLOG": 34, "CAP_PERFMON": 38, "CAP_BPF": 39}
    assert {name: CAPABILITY_NAMES.index(name) for name in known} == known


def test_what_is_no_capability_cannot_be_kept() -> None:
    with pytest.raises(ValueError, match="CAP_NONE"):
        confine(frozenset({"CAP_NONE"}))
