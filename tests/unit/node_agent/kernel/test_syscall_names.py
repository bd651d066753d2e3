import platform

import pytest

from fleettrace.errors import BadInput
from node_agent.kernel.syscall_names import syscall_name, syscall_number


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


@pytest.mark.parametrize("number", [0, 1, 59, 202, 332, 424, 437, 462, 9999])
def test_a_name_leads_back_to_its_number(number: int) -> None:
    assert syscall_number(syscall_name(number)) == number


@pytest.mark.parametrize("name", ["reed", "socketcall", "syscall_", "open_sesame"])
def test_a_call_that_this_machine_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=f"no system call {name}"):
        syscall_number(name)
