"""Which names a pattern means, and what is asked of whom."""

from pathlib import Path

import pytest

from fleettrace.errors import BadInput, Unfit
from fleettrace.model.inspection import ProbeArgument, ProbePoint, ProbesQuestion
from node_agent.inspection import probes
from node_agent.inspection.probes import find_probes, matcher
from node_agent.kernel.btf_tracepoints import RawTracepointInfo
from tests.compiled import compile_c

SWITCH = "tracepoint:sched:sched_switch"


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("", SWITCH, True),
        ("switch", SWITCH, True),
        ("SCHED", SWITCH, True),
        ("block", SWITCH, False),
        ("sched_*", SWITCH, True),
        ("sched:*", SWITCH, True),
        ("tracepoint:sched:*", SWITCH, True),
        ("*switch", SWITCH, True),
        ("switch*", SWITCH, False),
        ("rawtracepoint:*", SWITCH, False),
        ("sched_s?itch", SWITCH, True),
        ("[a-r]*_switch", SWITCH, False),
    ],
)
def test_a_glob_matches_from_any_colon_on_and_a_text_anywhere(pattern: str, name: str, matches: bool) -> None:
    assert matcher(pattern)(name) is matches


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tuple(RawTracepointInfo(f"r{number}", (("x", "int"),)) for number in range(6))
    monkeypatch.setattr(probes, "read_btf", lambda: b"")
    monkeypatch.setattr(probes, "read_raw_tracepoints", lambda _: raw)
    monkeypatch.setattr(probes, "tracepoint_names", lambda: iter(["a:r9", "a:r1"]))
    monkeypatch.setattr(probes, "read_fields", lambda name: (("of", name),))


@pytest.mark.usefixtures("kernel")
def test_both_kinds_are_listed_with_arguments_and_each_gets_its_share_of_a_small_limit() -> None:
    found = find_probes(ProbesQuestion("r*"))
    assert (found.matched, len(found.probes), found.unlisted) == (8, 8, ())
    assert found.probes[-2] == ProbePoint("tracepoint:a:r1", (ProbeArgument("of", "a:r1"),))
    few = find_probes(ProbesQuestion(max_probes=4))
    assert [probe.name for probe in few.probes] == [
        "rawtracepoint:r0",
        "rawtracepoint:r1",
        "tracepoint:a:r1",
        "tracepoint:a:r9",
    ]
    assert few.matched == 8


@pytest.mark.usefixtures("kernel")
def test_a_kind_that_cannot_be_looked_at_is_said_and_the_other_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise Unfit("tracefs is not mounted")

    monkeypatch.setattr(probes, "tracepoint_names", refuse)
    found = find_probes(ProbesQuestion())
    assert (found.matched, found.unlisted) == (6, ("tracepoint",))
    assert found.notes == ("tracepoints by category are not listed: tracefs is not mounted",)


def test_functions_of_a_binary_are_spelt_for_one_liners_and_readable(tmp_path: Path) -> None:
    program = compile_c(tmp_path / "p", "namespace ns { int add(int n) { return n; } } int main() {}", "-x", "c++")
    found = find_probes(ProbesQuestion("*add*", binary=str(program)))
    assert found.probes == (ProbePoint(f"uprobe:{program}:_ZN2ns3addEi", (), "ns::add(int)"),)
    assert found.notes[0].startswith(f"{program} ")
    nothing = find_probes(ProbesQuestion(binary=str(program), usdt=True))
    assert (nothing.matched, "has no USDT probes" in nothing.notes[0]) == (0, True)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(BadInput, match="--binary PATH or --pid PID"):
        find_probes(ProbesQuestion(usdt=True))
    with pytest.raises(BadInput, match="no path from the root"):
        find_probes(ProbesQuestion(binary="../x"))
    with pytest.raises(BadInput, match="not on this host"):
        find_probes(ProbesQuestion(pid=1 << 22))
