"""The constants of a run: its kind, its filters and its parameters, as the program gets them when it is loaded."""

import time
from collections.abc import Mapping
from ipaddress import IPv6Address

from fleettrace.errors import BadInput
from fleettrace.model.params import FINE as FINE_PARAM
from fleettrace.model.params import Param, ParamType, ParamValue, parse_network
from fleettrace.model.run import RunKind
from node_agent.backends.bcc.source import (
    ADDRESS_HIGH,
    ADDRESS_LOW,
    ADDRESS_MASK_HIGH,
    ADDRESS_MASK_LOW,
    CGROUP,
    CGROUP_LEVEL,
    COMM_HIGH,
    COMM_LOW,
    COUNT_ONLY,
    FINE,
    LOCAL_PORT,
    PEER_PORT,
    PID,
    PORT,
    SCOPE_CGROUP,
    SCOPE_LEVEL,
    STARTED_NS,
    tool_source,
)
from node_agent.backends.port import TracePlan
from node_agent.kernel.cgroups import Scope, resolve_scope
from node_agent.kernel.containers import find_container
from node_agent.kernel.processes import check_process
from node_agent.kernel.syscall_names import syscall_number

__all__ = ["program_constants"]

_COMM_BYTES = 16
_ADDRESS_BITS = 128
_MAPPED_PREFIX_BITS = 96  # of ::ffff:0:0/96, in which IPv4 addresses lie


def program_constants(plan: TracePlan) -> dict[int, int]:
    """A value for every parameter that a program of the plan's tool may read.

    Raises:
        BadInput: a filter names a process, cgroup or container that is not here, or is outside the plan's scope; or a
            parameter names a system call that this machine does not have.
    """
    params = plan.params
    if pid := _integer(params, "pid"):
        check_process(pid)
    values = {
        COUNT_ONLY: int(plan.kind is RunKind.FREQUENCY_CHECK),
        SCOPE_LEVEL: plan.scope.level if plan.scope is not None else 0,
        SCOPE_CGROUP: plan.scope.cgroup_id if plan.scope is not None else 0,
        PID: pid,
        FINE: _integer(params, FINE_PARAM.name),
        **_comm(str(params.get("comm", ""))),
        **_cgroup(_asked_cgroup(params), plan.scope),
        PORT: _integer(params, "port"),
        LOCAL_PORT: _integer(params, "local_port"),
        PEER_PORT: _integer(params, "peer_port"),
        **_network(str(params.get("address", ""))),
        STARTED_NS: time.monotonic_ns(),
    }
    own = {param.name: param for param in plan.tool.params}
    for name, param_id in tool_source(plan.tool).param_ids.items():
        values[param_id] = _constant(own[name], params[name])
    return values


def _constant(param: Param, value: ParamValue) -> int:
    """What a program gets for a value; see :class:`ParamType`."""
    match param.type:
        case ParamType.CHOICE:
            return param.choices.index(str(value))
        case ParamType.SYSCALL:
            return syscall_number(str(value)) + 1 if value else 0
        case _:
            return int(value)


def _integer(params: Mapping[str, ParamValue], name: str) -> int:
    value = params.get(name, 0)
    assert isinstance(value, int), name
    return value


def _comm(name: str) -> dict[int, int]:
    padded = name.encode().ljust(_COMM_BYTES, b"\0")
    return {COMM_LOW: int.from_bytes(padded[:8], "little"), COMM_HIGH: int.from_bytes(padded[8:], "little")}


def _network(text: str) -> dict[int, int]:
    """A network as programs compare it: IPv6, with IPv4 mapped into it, and its mask, in two numbers each."""
    address = mask = bytes(_ADDRESS_BITS // 8)
    if text:
        network = parse_network(text)
        packed, prefix_bits = network.network_address.packed, network.prefixlen
        if network.version == 4:
            packed, prefix_bits = (
                IPv6Address(f"::ffff:{network.network_address}").packed,
                prefix_bits + _MAPPED_PREFIX_BITS,
            )
        address = packed
        mask = ((1 << _ADDRESS_BITS) - (1 << _ADDRESS_BITS - prefix_bits)).to_bytes(_ADDRESS_BITS // 8, "big")
    return {
        ADDRESS_LOW: int.from_bytes(address[:8], "little"),
        ADDRESS_HIGH: int.from_bytes(address[8:], "little"),
        ADDRESS_MASK_LOW: int.from_bytes(mask[:8], "little"),
        ADDRESS_MASK_HIGH: int.from_bytes(mask[8:], "little"),
    }


def _asked_cgroup(params: Mapping[str, ParamValue]) -> Scope | None:
    asked = [resolve_scope(str(params["cgroup"]))] if "cgroup" in params else []
    if "container" in params:
        asked.append(find_container(str(params["container"])))
    if not asked:
        return None
    inner = max(asked, key=lambda scope: scope.level)
    if not all(inner.path.is_relative_to(scope.path) for scope in asked):
        raise BadInput(f"{inner.path} is not in {params['cgroup']}: ask for the container or the cgroup alone")
    return inner


def _cgroup(asked: Scope | None, scope: Scope | None) -> dict[int, int]:
    if asked is None:
        return {CGROUP_LEVEL: 0, CGROUP: 0}
    if scope is not None and not asked.path.is_relative_to(scope.path):
        raise BadInput(f"{asked.path} is outside of what this agent may trace, {scope.path}: ask another agent")
    return {CGROUP_LEVEL: asked.level, CGROUP: asked.cgroup_id}
