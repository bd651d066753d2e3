"""Which host leaks: the one whose balance grows while those of most others do not."""

from collections.abc import Sequence

from controller.analysis.compare import Finding
from controller.analysis.leaks import add_leaking_hosts
from controller.analysis.verdicts import Verdict
from fleettrace.model.job import HostPart
from fleettrace.snapshot import Snapshot, merge
from tests.unit.controller.analysis.fleets import calls, part
from tests.unit.controller.analysis.test_balance import series

LEAK, LOAD, POOL = [(5, 0)] * 8, [(50, 50)] * 8, [(5, 0)]


def host(name: str, **changes: Sequence[tuple[int, int]]) -> HostPart:
    return part(name, merge([Snapshot(counts=series(process, own)) for process, own in changes.items()]))


def test_a_host_that_leaks_alone_is_the_suspect_whatever_its_share() -> None:
    parts = [host("a", worker=LOAD), host("b", worker=LOAD), host("c", worker=LOAD, cron=LEAK)]
    before = (Finding("a", Verdict.RANKING, 3.0, "?"), Finding("c", Verdict.RANKING, 1.0, "?"))
    first, second = add_leaking_hosts(before, parts)
    assert second == before[0]
    assert (first.host, first.verdict, first.score) == ("c", Verdict.SUSPECT, 35)
    told = "cron opens 5.0 more than it closes each second (40 opened, 0 closed), and on 2 other hosts it does not"
    assert first.evidence == told


def test_where_most_hosts_leak_none_stands_out() -> None:
    parts = [host("a", worker=LEAK), host("b", worker=LEAK), host("c", worker=LOAD)]
    assert add_leaking_hosts((), parts) == ()


def test_two_hosts_do_not_tell_which_is_sound() -> None:
    assert add_leaking_hosts((), [host("a", worker=LEAK), host("b", worker=LOAD)]) == ()


def test_who_leaks_speaks_for_its_host_and_not_the_server_that_suffers() -> None:
    sound = [host(name, worker=LOAD) for name in "abcd"]
    busy = [(opened + 90, closed + 90) for opened, closed in LEAK]
    (found,) = add_leaking_hosts((), [*sound, host("e", server=busy, client=LEAK, worker=POOL)])
    assert found.evidence.startswith("client opens 5.0")


def test_what_is_no_series_changes_nothing() -> None:
    before = (Finding("a", Verdict.SUSPECT, 9.0, "?"),)
    assert add_leaking_hosts(before, [calls(name, {"read": 5}) for name in "abc"]) == before
