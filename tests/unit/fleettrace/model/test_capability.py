import pytest

from fleettrace.errors import BadInput
from fleettrace.model.capability import CAPABILITY_NAMES, TRACING_CAPABILITIES, check_capabilities


def test_a_capabilitys_place_is_its_number_in_the_kernel() -> None:
    # Numbers from include/uapi/linux/capability.h.
    numbers = {"CAP_CHOWN": 0, "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_SYSLOG": 34, "CAP_PERFMON": 38}
    assert {name: CAPABILITY_NAMES.index(name) for name in numbers} == numbers
    assert CAPABILITY_NAMES.index("CAP_BPF") == 39
    assert len(CAPABILITY_NAMES) == len(set(CAPABILITY_NAMES)) == 41
    assert set(TRACING_CAPABILITIES) <= set(CAPABILITY_NAMES)


def test_names_come_back_sorted_and_once() -> None:
    assert check_capabilities(["CAP_PERFMON", "CAP_BPF", "CAP_PERFMON"], "here") == ("CAP_BPF", "CAP_PERFMON")


@pytest.mark.parametrize(("name", "offer"), [("cap_bpf", "CAP_BPF"), ("SYSLOG", "CAP_SYSLOG"), ("!!", "CAP_BPF")])
def test_what_is_no_capability_is_refused_with_one_that_is(name: str, offer: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_capabilities([name], "p.toml: capabilities")
    assert str(caught.value) == f"p.toml: capabilities has {name!r}, which is no capability; write {offer}"
