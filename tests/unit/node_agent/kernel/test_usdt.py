import os
from pathlib import Path

import pytest

from fleettrace.errors import BadInput
from node_agent.kernel.binaries import open_binary
from node_agent.kernel.usdt import UsdtProbe, find_usdt, list_process_usdt, list_usdt
from tests.compiled import stripped


def listed(path: Path, pattern: str = "*") -> dict[str, UsdtProbe]:
    with open_binary(str(path)) as binary:
        return {probe.full_name: probe for probe in list_usdt(binary, pattern)}


def test_probes_have_their_sites_and_arguments(probed_program: Path) -> None:
    probes = listed(probed_program)
    assert list(probes) == ["shop:opened", "shop:sold"]
    sold = probes["shop:sold"]
    assert (len(sold.sites), sold.argument_count) == (2, 3)
    assert all(site.arguments.startswith("-4@") for site in sold.sites)
    assert all(site.semaphore_offset for site in sold.sites)
    assert sold.sites[1].arguments.split()[1:] == ["-8@$7", "-2@$9"]
    assert probes["shop:opened"].argument_count == 0


def test_stripping_takes_none_of_them(probed_program: Path) -> None:
    assert listed(stripped(probed_program)).keys() == listed(probed_program).keys()
    assert list(listed(probed_program, "shop:s*")) == ["shop:sold"]


def test_a_site_is_a_nop_in_the_file(probed_program: Path) -> None:
    data = probed_program.read_bytes()
    for probe in listed(probed_program).values():
        assert all(data[site.file_offset] == 0x90 for site in probe.sites)


def test_a_name_without_a_match_is_refused_with_what_is_there(probed_program: Path, program: Path) -> None:
    with (
        open_binary(str(probed_program)) as binary,
        pytest.raises(BadInput, match=r"no USDT probe shop:closed; it has shop:opened, shop:sold"),
    ):
        find_usdt(binary, "shop", "closed")
    with open_binary(str(program)) as binary, pytest.raises(BadInput, match="has no USDT probes: a build with them"):
        find_usdt(binary, "shop", "closed")


def test_the_probes_of_a_process_are_those_of_all_that_it_has_mapped() -> None:
    for probe in list_process_usdt(os.getpid()):
        assert probe.binary.startswith("/")
        assert probe.sites
