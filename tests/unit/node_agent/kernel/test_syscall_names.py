import platform

import pytest

from node_agent.kernel.syscall_names import syscall_name


@pytest.mark.parametrize(
    ("number", "name"),
    [(424, "pidfd_send_signal"), (435, "clone3"), (437, "openat2"), (454, "futex_wake"), (462, "mseal")],
)
def test_new_calls_have_one_number_everywhere(number: int, name: str) -> None:
    assert syscall_name(number) == name


@pytest.mark.skipif(platform.machine() != "x86_64", reason="old calls are numbered by architecture")
@pytest.mark.parametrize(("number", "name"), [(0, "read"), (1, "write"), (59, "execve"), (332, "statx"), (334, "rseq")])
def test_old_calls_have_the_numbers_of_the_architecture(number: int, name: str) -> None:
    assert syscall_name(number) == name


@pytest.mark.parametrize("number", [400, 9999, 0x40000000, 0xFFFFFFFF])
def test_what_no_table_knows_keeps_its_number(number: int) -> None:
    assert syscall_name(number) == f"syscall_{number}"
