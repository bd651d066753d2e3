"""What a tool can do with the capabilities that it is allowed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fleettrace.catalog import builtin_tools, find_tool
from fleettrace.model.attach import Alternative, Way
from fleettrace.model.tool import ToolDefinition

BOTH = ("CAP_BPF", "CAP_PERFMON")
TOOL = replace(
    find_tool("runqlat"),
    optional_capabilities={"CAP_SYSLOG": "names"},
    alternatives=(
        Alternative("link", "m", ()),
        Alternative("clock", "m", ()),
        Alternative("event", "m", (), {"CAP_SYS_ADMIN": "why"}),
        Alternative("last", "m", ()),
    ),
)
NAMES = (*BOTH, "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_PTRACE")


def test_alternatives_that_need_the_same_are_tried_together_in_order() -> None:
    assert TOOL.ways(NAMES) == (
        Way(("link", "clock"), (*BOTH, "CAP_SYSLOG")),
        Way(("event",), (*BOTH, "CAP_SYSLOG", "CAP_SYS_ADMIN")),
        Way(("last",), (*BOTH, "CAP_SYSLOG")),
    )


def test_what_needs_more_than_is_allowed_is_left_out_and_said_to_be() -> None:
    assert TOOL.ways(BOTH) == (Way(("link", "clock", "last"), BOTH),)
    assert TOOL.out_of_reach(BOTH) == "event needs CAP_SYS_ADMIN, which it was not given"
    assert TOOL.ways(("CAP_BPF",)) == ()
    assert TOOL.out_of_reach(NAMES) == ""


def test_a_tool_of_one_kind_has_one_way() -> None:
    assert find_tool("profile").ways(NAMES) == (Way(("",), (*BOTH, "CAP_SYSLOG", "CAP_SYS_PTRACE")),)


@given(st.sampled_from((TOOL, *builtin_tools().values())), st.sets(st.sampled_from(NAMES)))
def test_no_way_has_more_than_its_alternatives_need_and_can_use(tool: ToolDefinition, allowed: set[str]) -> None:
    ways = tool.ways(allowed)
    alternatives = {one.name: one for one in tool.alternatives}
    for way in ways:
        for name in way.alternatives:
            needed = set(tool.needs(alternatives[name]))
            assert needed <= set(way.capabilities) <= needed | {*tool.optional_capabilities}
        assert set(way.capabilities) <= allowed
    tried = [name for way in ways for name in way.alternatives]
    assert tried == [one.name for one in tool.alternatives if set(tool.needs(one)) <= allowed]
    assert bool(ways) == (set(tool.capabilities) <= allowed)
