"""What an operator asks for, and everything that it names looked up: the tool, its parameters, the hosts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleettrace.catalog import find_tool
from fleettrace.errors import BadInput, BadParameter, NoHostMatches
from fleettrace.model.host import Host
from fleettrace.model.job import Priority
from fleettrace.model.names import counted
from fleettrace.model.params import ParamValue
from fleettrace.model.selector import parse_selector
from fleettrace.model.tool import ONE_LINER, ToolDefinition
from fleettrace.oneliner import OneLiner, read_one_liner

__all__ = ["Asked", "Plan", "plan_job"]

MAX_REASON_CHARS = 500
MAX_CLASS_LABELS = 8
"""Each makes more classes, and each class has its canary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to run, as it came; ``duration_ms`` 0: the policy's default."""

    tool: str
    selector: str
    duration_ms: int
    team: str
    operator: str
    params: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    """The same one twice is one job; empty: every time another one."""
    canary: str = ""
    """The host to try it on; empty: one is chosen."""
    promote: bool = False
    """To go on where the gate says Hold."""
    despite_aborts: bool = False
    dry_run: bool = False
    program: str = ""
    """Of a one-liner, as it was written, instead of a tool."""
    priority: Priority = Priority.ROUTINE
    break_glass: str = ""
    """Why grants for emergencies are to be looked at; empty: they are not."""
    no_share: bool = False
    """A job of its own, also where an identical one is under way."""
    class_labels: tuple[str, ...] = ()
    """Hosts that differ in one of these labels are of different classes, beside those that policy names."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request with everything looked up: the tool, the matched hosts, and why some of them cannot take part."""

    asked: Asked
    tool: ToolDefinition
    params: dict[str, ParamValue]
    hosts: tuple[Host, ...]
    missing: dict[str, str]
    one_liner: OneLiner | None = None


def plan_job(asked: Asked, known_hosts: Sequence[Host], *, able: bool = True) -> Plan:
    """Look everything up. ``able`` False: also for hosts none of which could take part now.

    Raises:
        BadInput: an unknown tool or parameter, a selector or a program that does not parse.
        NoHostMatches: the selector matches no host, or none that could take part now.
    """
    if len(asked.break_glass) > MAX_REASON_CHARS or (asked.break_glass and not asked.break_glass.strip()):
        raise BadInput(f"say in at most {MAX_REASON_CHARS} characters why the glass is broken: it is kept with the job")
    one_liner = _one_liner(asked)
    tool = one_liner.tool if one_liner is not None else find_tool(asked.tool)
    params = tool.parse_params(asked.params)
    selector = parse_selector(asked.selector)
    hosts = tuple(host for host in known_hosts if selector.matches(host.name, host.labels))
    if not hosts:
        known = (
            f"{len(known_hosts)} hosts are known: see 'fleettrace hosts'"
            if known_hosts
            else "no agent has connected yet"
        )
        raise NoHostMatches(f"no host matches {selector.text!r}; {known}")
    _check_class_labels(asked.class_labels, hosts)
    missing = {host.name: reason for host in hosts if (reason := _why_not(host, tool))}
    if able and len(missing) == len(hosts):
        first = hosts[0].name
        raise NoHostMatches(
            f"none of the {len(hosts)} hosts that match {selector.text!r} can run {tool.name} now; "
            f"{first}: {missing[first]}"
        )
    return Plan(asked, tool, params, hosts, missing, one_liner)


def _check_class_labels(labels: Sequence[str], hosts: Sequence[Host]) -> None:
    if len(labels) > MAX_CLASS_LABELS:
        raise BadInput(f"{len(labels)} labels would tell classes of hosts apart: name at most {MAX_CLASS_LABELS}")
    known = sorted({label for host in hosts for label in host.labels})
    for label in labels:
        if label not in known:
            there = f"they have {', '.join(known)}" if known else "they have none"
            raise BadInput(f"none of the {counted(len(hosts), 'host')} has a label {label[:40]!r}: {there}")


def _one_liner(asked: Asked) -> OneLiner | None:
    if not asked.program:
        return None
    if asked.tool:
        raise BadInput(f"{asked.tool} and a program cannot be run as one job: leave one of them out")
    if asked.params:
        named = next(iter(asked.params))
        raise BadParameter(
            f"a one-liner takes no parameters, and {named} is given: write it into the predicate, such as /pid == 7/"
        )
    return read_one_liner(asked.program)


def _why_not(host: Host, tool: ToolDefinition) -> str:
    if not host.connected:
        return host.missing_reason or "its agent is not connected"
    if host.facts.unfit_reason:
        return f"it cannot trace: {host.facts.unfit_reason}"
    if host.facts.dirty_reason:
        return f"it is dirty: {host.facts.dirty_reason}; look at it, then 'fleettrace hosts clear {host.name}'"
    if host.facts.max_runs == 0:
        return "its own policy lets nothing run on it (limits.max_runs = 0)"
    if tool.name == ONE_LINER:
        if host.facts.backend == "replay":
            return "it plays recordings, and nobody has recorded this program"
    elif host.facts.tools.get(tool.name) != tool.digest:
        return f"it has another version of {tool.name} than the controller: install the same fleettrace on both"
    lacking = [name for name in tool.capabilities if name not in host.facts.capabilities]
    if lacking and host.facts.backend != "replay":
        return f"its agent lacks {' and '.join(lacking)}"
    return ""
