import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.install.look import LOOK, HostLook, check_look, parse_look
from controller.install.outcome import Fault, HostFailed

GOOD = HostLook("web-1", "Linux", "x86_64", "6.1.0", "direct", (3, 11), True, (2, 36), True, True, 1 << 40)


def test_what_a_real_shell_says_is_understood() -> None:
    said = subprocess.run(["sh", "-s"], input=LOOK, capture_output=True, text=True, check=True).stdout

    look = parse_look(said)

    assert look.system == "Linux"
    assert look.python >= (3, 11)
    assert look.room_bytes > 0
    assert look.glibc >= (2, 28)


def test_a_host_that_has_everything_is_fine() -> None:
    check_look(GOOD)
    check_look(replace(GOOD, room_bytes=0), already=True)


@pytest.mark.parametrize(
    ("lacking", "fault", "way_out"),
    [
        (replace(GOOD, system="FreeBSD"), Fault.WRONG_SYSTEM, "leave it out"),
        (replace(GOOD, arch="riscv64"), Fault.WRONG_SYSTEM, "leave it out"),
        (replace(GOOD, root="no"), Fault.NOT_ROOT, "NOPASSWD"),
        (replace(GOOD, python=(0, 0)), Fault.NO_PYTHON, "apt-get install python3"),
        (replace(GOOD, python=(3, 9)), Fault.WRONG_PYTHON, "newer release"),
        (replace(GOOD, glibc=(0, 0)), Fault.WRONG_SYSTEM, "newer release"),
        (replace(GOOD, glibc=(2, 17)), Fault.WRONG_SYSTEM, "newer release"),
        (replace(GOOD, has_btf=False), Fault.NO_BTF, "CONFIG_DEBUG_INFO_BTF=y"),
        (replace(GOOD, has_bcc=False), Fault.NO_BCC, "apt-get install python3-bpfcc"),
        (replace(GOOD, room_bytes=100 << 20), Fault.DISK_FULL, "make room"),
    ],
)
def test_what_a_host_lacks_is_one_sentence_with_the_way_out(lacking: HostLook, fault: Fault, way_out: str) -> None:
    with pytest.raises(HostFailed, match=way_out) as caught:
        check_look(lacking)

    assert caught.value.fault is fault
    assert "\n" not in str(caught.value)


def test_a_login_that_is_no_shell_is_named() -> None:
    with pytest.raises(HostFailed, match="POSIX shell"):
        parse_look("This account is currently not available.\n")


@given(st.text(max_size=400))
def test_whatever_a_host_says_is_a_look_or_a_failure(said: str) -> None:
    look = parse_look(f"look=1\n{said}")

    assert look.room_bytes >= 0
    with pytest.raises(HostFailed):
        check_look(look)


def test_a_command_of_roots_goes_through_sudo_where_the_login_is_not_root() -> None:
    assert GOOD.root_command("id", "-u") == "id -u"
    assert replace(GOOD, root="sudo").root_command("sh", "-c", "a b") == "sudo -n sh -c 'a b'"
