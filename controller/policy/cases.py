"""Decision tests that a policy file has in itself: ``[[test]]``, what somebody asks and what the answer must be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from controller.policy.bounds import MAX_DURATION_S, MAX_JOBS_PER_DAY, MAX_TEST_HOSTS, milliseconds
from fleettrace.catalog import find_tool
from fleettrace.errors import BadInput, FleettraceError
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.names import check_host_name, check_labels
from fleettrace.model.params import ParamValue
from fleettrace.model.redaction import RedactedField
from fleettrace.model.tool import ToolDefinition
from fleettrace.oneliner import ProgramFacts, read_one_liner
from fleettrace.toml_tables import Table

__all__ = ["Case", "Expected", "imagined_host", "parse_case", "usual_params"]

NO_FACTS = HostFacts(kernel_release="", kernel_build="", arch="", cpu_count=1)
DEFAULT_HOST = "host-1"


class Expected(StrEnum):
    """What an answer can be."""

    GRANTED = "granted"
    NEEDS_APPROVAL = "needs approval"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Case:
    """One ``[[test]]``. ``tool`` None: it asks whether the team may read (or approve) the jobs of another team.

    ``rule`` and ``redacted`` are looked at where they are given; None: whatever it is.
    """

    name: str
    team: str
    expect: Expected
    tool: ToolDefinition | None = None
    program: ProgramFacts | None = None
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    hosts: tuple[Host, ...] = ()
    duration_ms: int | None = None
    jobs_today: int = 0
    break_glass: str = ""
    reads: str = ""
    approves: str = ""
    rule: str | None = None
    redacted: tuple[RedactedField, ...] | None = None


def imagined_host(name: str, labels: Mapping[str, str]) -> Host:
    """A host of which nothing is known but what policy looks at."""
    return Host(name, dict(labels), NO_FACTS, connected=True, last_seen_ms=0)


def usual_params(tool: ToolDefinition) -> Mapping[str, ParamValue]:
    """A tool's parameters where nothing is said of them; none, where one must be given."""
    try:
        return tool.parse_params({})
    except BadInput:
        return {}


def parse_case(table: Table) -> Case:
    """One ``[[test]]``.

    Raises:
        BadInput: an unknown key, a wrong type or value, or not exactly one of the things that can be asked.
    """
    asked = [key for key in ("tool", "program", "reads", "approves") if table.has(key)]
    if len(asked) != 1:
        raise BadInput(f"{table.place('tool')}: a test asks one thing: give one of tool, program, reads and approves")
    tool, program, params = _what(table, asked[0])
    hosts = _hosts(table)
    case = Case(
        name=table.text("name"),
        team=table.text("team"),
        expect=_expected(table),
        tool=tool,
        program=program,
        params=params,
        hosts=hosts,
        duration_ms=milliseconds(table, "duration_s", MAX_DURATION_S) if table.has("duration_s") else None,
        jobs_today=(table.integer("jobs_today", minimum=0, maximum=MAX_JOBS_PER_DAY) if table.has("jobs_today") else 0),
        break_glass=table.text("break_glass") if table.has("break_glass") else "",
        reads=table.text("reads") if asked == ["reads"] else "",
        approves=table.text("approves") if asked == ["approves"] else "",
        rule=table.text("rule") if table.has("rule") else None,
        redacted=_redacted(table),
    )
    table.finish()
    return case


def _what(table: Table, asked: str) -> tuple[ToolDefinition | None, ProgramFacts | None, Mapping[str, ParamValue]]:
    given = table.table("params")
    texts = {name: given.text(name) for name in given.names()}
    try:
        if asked == "program":
            one_liner = read_one_liner(table.text("program"))
            return one_liner.tool, one_liner.facts, {}
        if asked == "tool":
            tool = find_tool(table.text("tool"))
            # What must be given and is not does not matter to policy.
            return tool, None, tool.parse_params(texts) if texts else usual_params(tool)
    except BadInput as error:
        raise BadInput(f"{table.place(asked)}: {error}") from error
    return None, None, {}


def _hosts(table: Table) -> tuple[Host, ...]:
    name = table.text("host") if table.has("host") else DEFAULT_HOST
    labels_table = table.table("labels")
    count = table.integer("hosts", minimum=1, maximum=MAX_TEST_HOSTS) if table.has("hosts") else 1
    try:
        check_host_name(name)
        labels = check_labels({key: labels_table.text(key) for key in labels_table.names()})
    except FleettraceError as error:
        raise BadInput(f"{table.place('host')}: {error}") from error
    names = [name, *(f"{name}-{number}" for number in range(2, count + 1))]
    return tuple(imagined_host(one, labels) for one in names)


def _expected(table: Table) -> Expected:
    text = table.text("expect")
    if text not in set(Expected):
        known = ", ".join(f'"{one.value}"' for one in Expected)
        raise BadInput(f"{table.place('expect')} must be one of {known}, not {text[:40]!r}")
    return Expected(text)


def _redacted(table: Table) -> tuple[RedactedField, ...] | None:
    if not table.has("redacted"):
        return None
    names = table.texts("redacted")
    for name in names:
        if name not in set(RedactedField):
            raise BadInput(f"{table.place('redacted')} are among {', '.join(RedactedField)}, and {name[:40]!r} is none")
    return tuple(one for one in RedactedField if one.value in names)
