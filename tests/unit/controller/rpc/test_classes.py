"""Every set of classes that a grant can have, with every tool, on both hosts, over the service itself."""

from collections.abc import AsyncIterator
from itertools import chain, combinations

import pytest

from controller.identity.principal import Principal
from controller.policy.classes import ToolClass
from controller.policy.parse import parse_policy
from fleettrace.catalog import builtin_tools
from fleettrace.wire.v1 import control_pb2 as pb
from tests.unit.controller.house import House, host
from tests.unit.controller.rpc.operators import WORKING, Site, serving

SHOWS = {
    "aggregate": "biolatency biotop cachestat pagefaults runqlat runqlen syscount "
    "tcpaccept tcpconnect tcplife tcpretrans",
    "aggregate stacks": "offcputime profile tcpbalance",
    "aggregate events": "biosnoop killsnoop",
    "aggregate events strings": "execsnoop fsslower opensnoop",
    "aggregate strings": "filetop",
    "aggregate uprobes": "funclatency usdt",
    "aggregate stacks unless it is told to show none": "futexwait",
}
"""What each tool shows of a host, in words of its documentation and not of its manifest."""
PARAMS = {
    "funclatency": {"binary": "/usr/sbin/nginx", "symbol": "f"},
    "usdt": {"binary": "/usr/sbin/nginx", "provider": "p", "probe": "q"},
    "futexwait": {"stacks": "true"},
}
SUBSETS = list(chain.from_iterable(combinations(ToolClass, size) for size in range(1, len(ToolClass) + 1)))


def shown_by(tool: str) -> set[str]:
    (words,) = [words for words, tools in SHOWS.items() if tool in tools.split()]
    return {word for word in words.split() if word in set(ToolClass)}


def team_of(classes: tuple[ToolClass, ...]) -> str:
    return "may-" + "-".join(classes)


def policy() -> str:
    grants = []
    for classes in SUBSETS:
        listed = ", ".join(f'"{one}"' for one in classes)
        binaries = 'binaries = ["/usr/sbin/nginx"]\n' if ToolClass.UPROBES in classes else ""
        name = team_of(classes)
        grants.append(f'[[grant]]\nname = "{name}"\nteams = ["{name}"]\nhosts = "a"\nclasses = [{listed}]\n{binaries}')
    return "\n".join(grants)


@pytest.fixture
async def site(house: House) -> AsyncIterator[Site]:
    await house.coordinator.change_policy(parse_policy(policy(), "p"), "root")
    await house.join(host("a"), host("b"))
    async with serving(house) as serving_site:
        yield serving_site


def test_what_every_tool_shows_is_said() -> None:
    assert sorted(" ".join(SHOWS.values()).split()) == sorted(builtin_tools())


@pytest.mark.parametrize("tool", sorted(builtin_tools()))
async def test_a_tool_runs_where_all_that_it_shows_was_granted_and_nowhere_else(site: Site, tool: str) -> None:
    wrong = []
    for classes in SUBSETS:
        caller = Principal(f"of {team_of(classes)}", (team_of(classes),), WORKING, "a test's word")
        for name in ("a", "b"):
            params = PARAMS.get(tool, {})
            explain = pb.ExplainPolicyRequest(tool=tool, selector=name, params=params)
            submit = pb.SubmitJobRequest(tool=tool, selector=name, params=params, duration_ms=500)
            said, _ = await site.status(caller, "ExplainPolicy", explain)
            done, why = await site.status(caller, "SubmitJob", submit)
            await site.call(caller, "CancelAllJobs", pb.CancelAllJobsRequest())
            if name == "b":  # which is not there for them
                expected = ("INVALID_ARGUMENT", "INVALID_ARGUMENT")
            elif shown_by(tool) <= set(classes):
                expected = ("OK", "OK")
                assert (await site.call(caller, "ExplainPolicy", explain)).verdict == "granted"
            else:
                expected = ("OK", "PERMISSION_DENIED")
                assert (await site.call(caller, "ExplainPolicy", explain)).verdict == "denied"
            if (said.name, done.name) != expected:
                wrong.append((classes, name, said.name, done.name, why))
    assert wrong == []
