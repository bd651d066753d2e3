import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.cli.exit_codes import ExitCode
from controller.cli.host_outcomes import exit_code_of_hosts
from controller.install import tunnel
from controller.install.outcome import Fault, HostFailed, HostOutcome, summarise
from controller.install.runner import for_each
from controller.install.target import SshAddress, Target
from controller.install.upgrade import upgrade_in_waves, wave_ends
from fleettrace.errors import Unreachable


def targets(count: int) -> list[Target]:
    return [Target(SshAddress(f"h{number}")) for number in range(count)]


@given(st.integers(0, 10_000))
def test_waves_grow_and_end_with_all(hosts: int) -> None:
    ends = wave_ends(hosts)

    assert list(ends) == sorted(set(ends))
    assert ends == () if hosts == 0 else (ends[0], ends[-1]) == (1, hosts)


def test_waves_of_a_hundred() -> None:
    assert wave_ends(100) == (1, 5, 25, 100)


async def test_a_host_that_came_to_harm_ends_the_upgrade_after_its_wave() -> None:
    """GIVEN 100 hosts, WHEN one of the second wave comes to harm, THEN the wave ends and nobody else is begun."""
    begun: list[str] = []
    ended: list[HostOutcome] = []

    async def work(target: Target) -> HostOutcome:
        begun.append(target.title)
        if target.title == "h3":
            raise HostFailed(Fault.NOT_SEEN, "it is not seen")
        return HostOutcome(str(target.address), target.title)

    outcomes = await upgrade_in_waves(targets(100), 2, work, ended.append)

    assert begun == ["h0", "h1", "h2", "h3", "h4"]
    assert [one.fault for one in outcomes] == [None, None, None, Fault.NOT_SEEN, None, *[Fault.LEFT_OUT] * 95]
    assert "h3 came to harm" in outcomes[-1].reason
    assert len(ended) == 100


async def test_a_host_that_was_not_reached_stops_no_upgrade() -> None:
    async def work(target: Target) -> HostOutcome:
        if target.title == "h0":
            raise HostFailed(Fault.UNREACHABLE, "nobody answers")
        return HostOutcome(str(target.address), target.title)

    outcomes = await upgrade_in_waves(targets(10), 2, work, lambda _: None)

    assert summarise(outcomes).ok == 9


async def test_no_more_hosts_than_asked_for_are_served_at_once_and_each_has_its_own_end() -> None:
    running = most = 0

    async def work(target: Target) -> HostOutcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        if target.title == "h1":
            raise Unreachable("the controller does not answer")
        return HostOutcome(str(target.address), target.title, changes=("package",))

    outcomes = await for_each(targets(9), 3, work, lambda _: None)

    assert most == 3
    assert [one.host for one in outcomes] == [f"h{number}" for number in range(9)]
    assert (summarise(outcomes).ok, outcomes[1].fault) == (8, Fault.COMMAND)


def test_the_exit_code_says_all_some_or_none() -> None:
    good, bad = HostOutcome("a", "a"), HostOutcome("b", "b", fault=Fault.UNREACHABLE)

    assert exit_code_of_hosts([good, good]) is ExitCode.OK
    assert exit_code_of_hosts([good, bad]) is ExitCode.HOSTS_MISSING
    assert exit_code_of_hosts([bad]) is ExitCode.FAILED


def test_pauses_of_a_tunnel_double_up_to_a_minute_and_begin_anew_after_one_that_stood() -> None:
    pauses = [0.0]
    for _ in range(8):
        pauses.append(tunnel.next_pause_s(pauses[-1], 0.1))

    assert pauses[1:] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert tunnel.next_pause_s(60, 3600) == pytest.approx(1)
