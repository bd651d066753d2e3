"""Parameters and filters: what is taken, what is refused, and that a filter that is not given is not there."""

import pytest

from fleettrace.catalog import find_tool
from fleettrace.errors import BadParameter
from fleettrace.model.params import (
    CONNECTION_FILTERS,
    FILTERS,
    Param,
    ParamType,
    ParamValue,
    parse_values,
    resolve_values,
)

OWN = (Param("depth", 5, 0, 9, "?"),)
TYPED = (
    Param("latency", 0, 0, 1, "?", ParamType.BOOLEAN),
    Param("filesystem", "any", 1, 5, "?", ParamType.CHOICE, ("any", "ext4", "xfs")),
    Param("syscall", "", 1, 64, "?", ParamType.SYSCALL),
)
ALL = (*OWN, *FILTERS)


def test_own_parameters_have_defaults_and_filters_are_there_when_given() -> None:
    assert resolve_values("t", ALL, {}) == {"depth": 5}
    given = {"pid": "7", "comm": "nginx", "cgroup": "system.slice/x.service", "container": "0a1b2c"}
    assert parse_values("t", ALL, given) == {"depth": 5, **given, "pid": 7}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pid", 0),
        ("pid", 4_194_305),
        ("pid", "7"),
        ("comm", ""),
        ("comm", "sixteen-letters!"),
        ("comm", "üüüüüüüü"),
        ("comm", "a\nb"),
        ("comm", 5),
        ("cgroup", ""),
        ("cgroup", "../etc"),
        ("cgroup", "a/../b"),
        ("cgroup", "a\0b"),
        ("container", "a/b"),
        ("container", "-rm"),
        ("port", 0),
        ("local_port", 65_536),
        ("peer_port", "80"),
        ("address", ""),
        ("address", 7),
        ("address", "10.0.0"),
        ("address", "10.1.2.3/8"),
        ("address", "10.0.0.0/33"),
        ("address", "fe80::1%eth0"),
        ("address", "db.example"),
        ("address", "::1/129"),
        ("depth", 10),
        ("depth", "x"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_in_one_sentence(name: str, value: ParamValue) -> None:
    with pytest.raises(BadParameter, match=f"t's {name} must be") as refusal:
        resolve_values("t", ALL, {name: value})
    assert "\n" not in str(refusal.value)


def test_a_name_that_is_too_long_is_told_as_the_kernel_has_it() -> None:
    with pytest.raises(BadParameter, match=r"1 to 15 bytes, not 'kube-controller-manager': .* to 'kube-controller'$"):
        parse_values("t", ALL, {"comm": "kube-controller-manager"})


@pytest.mark.parametrize("text", ["192.0.2.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "2001:db8::/32", "::ffff:192.0.2.1"])
def test_an_address_or_a_network_is_taken_as_it_is_written(text: str) -> None:
    assert parse_values("t", ALL, {"address": text})["address"] == text


def test_a_tool_has_the_filters_of_connections_only_when_its_manifest_names_them() -> None:
    names = {param.name for param in CONNECTION_FILTERS}
    assert not names & {param.name for param in find_tool("runqlat").all_params}
    assert names <= {param.name for param in find_tool("tcpretrans").all_params}


def test_a_filter_that_a_tool_cannot_apply_is_unknown() -> None:
    with pytest.raises(BadParameter, match="t has no parameter 'pid'; it has: depth"):
        parse_values("t", OWN, {"pid": "7"})


@pytest.mark.parametrize(("text", "value"), [("true", 1), ("1", 1), ("Yes", 1), ("false", 0), ("0", 0), ("off", 0)])
def test_a_boolean_is_typed_as_people_do(text: str, value: int) -> None:
    assert parse_values("t", TYPED, {"latency": text})["latency"] == value


def test_typed_parameters_have_defaults_that_need_not_be_values() -> None:
    assert resolve_values("t", TYPED, {}) == {"latency": 0, "filesystem": "any", "syscall": ""}
    assert [param.default_text for param in TYPED] == ["false", "any", ""]
    assert [param.range_text for param in TYPED] == ["true or false", "any, ext4, xfs", "a syscall"]


@pytest.mark.parametrize(
    ("name", "text", "must"),
    [
        ("latency", "2", "be true or false"),
        ("latency", "", "be true or false"),
        ("filesystem", "btrfs", "be one of any, ext4, xfs"),
        ("filesystem", "", "be one of any, ext4, xfs"),
        ("syscall", "Read", "be a system call's name"),
        ("syscall", "", "be a system call's name"),
    ],
)
def test_typed_values_of_another_form_are_refused_with_what_is_taken(name: str, text: str, must: str) -> None:
    with pytest.raises(BadParameter, match=f"t's {name} must {must}"):
        parse_values("t", TYPED, {name: text})


def test_values_that_a_controller_resolved_are_resolved_again_on_the_host() -> None:
    # GIVEN a tool with own parameters that are not set
    tool = find_tool("syscount")
    # WHEN its values are resolved once more, as a host does with those of an order, THEN they are the same
    values = tool.parse_params({})
    assert tool.resolve_params(values) == values
    # AND what is not set cannot stand for what must be given
    with pytest.raises(BadParameter, match="must be"):
        find_tool("funclatency").resolve_params({"binary": "", "symbol": "main"})
