"""Where hosts differ in the probes that they have."""

from controller.analysis.probe_differences import differences
from fleettrace.model.inspection import AskedHost, ProbeArgument, ProbeList, ProbePoint

A, B, C = (AskedHost(name, f"kernel of {name}") for name in "abc")
INT, LONG = (ProbeArgument("x", "int"),), (ProbeArgument("x", "long"),)


def listed(*names: str, matched: int = 0, unlisted: tuple[str, ...] = ()) -> ProbeList:
    return ProbeList(tuple(ProbePoint(name) for name in names), matched or len(names), (), unlisted)


def test_probes_that_the_same_hosts_lack_are_told_together() -> None:
    found = differences([(A, listed("t:x", "t:y", "t:z")), (B, listed("t:z")), (C, listed("t:z", "t:x", "t:y"))])
    (one,) = found.presence
    assert (one.probes, one.present, one.absent) == (("t:x", "t:y"), (A, C), (B,))


def test_hosts_that_are_alike_do_not_differ() -> None:
    assert differences([(A, listed("t:x")), (B, listed("t:x"))]) == differences([])


def test_who_could_not_look_does_not_lack() -> None:
    found = differences(
        [(A, listed("tracepoint:x", "raw:y")), (B, listed("raw:y", unlisted=("tracepoint",))), (C, listed("raw:y"))]
    )
    (one,) = found.presence
    assert (one.probes, one.present, one.absent) == (("tracepoint:x",), (A,), (C,))


def test_a_list_that_was_cut_is_not_compared_and_is_named() -> None:
    found = differences([(A, listed("t:x", "t:y")), (B, listed("t:x", matched=9))])
    assert (found.presence, found.cut) == ((), (B,))


def test_arguments_that_differ_are_told_with_each_form() -> None:
    def has(arguments: tuple[ProbeArgument, ...]) -> ProbeList:
        return ProbeList((ProbePoint("t:x", arguments),), 1)

    found = differences([(A, has(INT)), (B, has(LONG)), (C, has(INT))])
    (one,) = found.arguments
    assert (one.probe, one.forms) == ("t:x", ((INT, (A, C)), (LONG, (B,))))
    # No arguments say nothing.
    assert differences([(A, has(INT)), (B, has(()))]).arguments == ()
