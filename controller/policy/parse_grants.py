"""Grants from their tables. docs/policy.md describes the form."""

from controller.policy.bounds import (
    MAX_APPROVAL_WAIT_S,
    MAX_CPU_PCT,
    MAX_DURATION_S,
    MAX_EVENTS_PER_S,
    MAX_HOSTS,
    MAX_JOBS_PER_DAY,
    MIN_CPU_PCT,
    milliseconds,
)
from controller.policy.classes import ToolClass
from controller.policy.model import Grant
from fleettrace.errors import BadInput, BadSelector
from fleettrace.model.capability import TRACING_CAPABILITIES, check_capabilities
from fleettrace.model.selector import Selector, parse_selector
from fleettrace.redact_table import parse_redact
from fleettrace.toml_tables import Table

__all__ = ["parse_grant"]

DEFAULT_APPROVAL_WAIT_S = 600.0


def parse_grant(table: Table) -> Grant:
    """One ``[[grant]]``.

    Raises:
        BadInput: an unknown key, a wrong type or value, or keys that contradict each other.
    """
    capabilities = check_capabilities(table.texts("capabilities", TRACING_CAPABILITIES), table.place("capabilities"))
    grant = Grant(
        name=table.text("name"),
        teams=table.texts("teams"),
        tools=_texts(table, "tools"),
        hosts=_selector(table, "hosts"),
        capabilities=_tracing_alone(table, capabilities),
        max_duration_ms=milliseconds(table, "max_duration_s", MAX_DURATION_S) if table.has("max_duration_s") else None,
        max_cpu_pct=(
            table.number("max_cpu_pct", minimum=MIN_CPU_PCT, maximum=MAX_CPU_PCT) if table.has("max_cpu_pct") else None
        ),
        max_events_per_s=_whole(table, "max_events_per_s", MAX_EVENTS_PER_S),
        lift_aborts=_switch(table, "lift_aborts"),
        incident=_switch(table, "incident"),
        one_liners=_switch(table, "one_liners"),
        one_liner_strings=_switch(table, "one_liner_strings"),
        one_liner_memory=_switch(table, "one_liner_memory"),
        classes=_classes(table),
        binaries=_texts(table, "binaries"),
        tool_capabilities=_tool_capabilities(table.table("tool_capabilities")),
        max_hosts=_whole(table, "max_hosts", MAX_HOSTS),
        max_jobs_per_day=_whole(table, "max_jobs_per_day", MAX_JOBS_PER_DAY),
        redact=parse_redact(table.table("redact")),
        approval_wait_ms=_approval_wait_ms(table),
        break_glass=_switch(table, "break_glass"),
        reads=_texts(table, "reads"),
        approves=_texts(table, "approves"),
        contact=table.text("contact") if table.has("contact") else "",
    )
    table.finish()
    _check(table, grant)
    return grant


def _check(table: Table, grant: Grant) -> None:
    if not (grant.runs_something or grant.reads or grant.approves):
        raise BadInput(
            f"{table.place('tools')} is missing, and so are classes, one_liners, reads and approves: a grant must "
            "let its teams do something"
        )
    if ToolClass.UPROBES in grant.classes and not grant.binaries:
        raise BadInput(
            f"{table.place('classes')} has uprobes, and no binaries are listed: add them, such as "
            'binaries = ["/usr/sbin/nginx", "/opt/app/*"]'
        )
    for pattern in grant.binaries:
        if not pattern.startswith("/") or ".." in pattern.split("/"):
            raise BadInput(f"{table.place('binaries')} are globs of absolute paths without .., not {pattern[:80]!r}")
    if grant.break_glass and (grant.max_duration_ms is None or grant.max_jobs_per_day is None):
        raise BadInput(
            f"{table.place('break_glass')} is for emergencies, which end: give the grant max_duration_s and "
            "max_jobs_per_day"
        )
    if grant.break_glass and grant.approval_wait_ms is not None:
        raise BadInput(
            f"{table.place('break_glass')} and needs_approval contradict each other: in an emergency nobody else "
            "may be there, make two grants of it"
        )


def _tracing_alone(table: Table, capabilities: tuple[str, ...]) -> tuple[str, ...]:
    beyond = [name for name in capabilities if name not in TRACING_CAPABILITIES]
    if beyond:
        raise BadInput(
            f"{table.place('capabilities')} has {beyond[0]}, which is beyond {' and '.join(TRACING_CAPABILITIES)}: "
            f'say which tools may have it, as tool_capabilities = {{ profile = ["{beyond[0]}"] }} ("*": all of them)'
        )
    return capabilities


def _tool_capabilities(table: Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found = tuple(
        (pattern, check_capabilities(table.texts(pattern), table.place(f'"{pattern}"'))) for pattern in table.names()
    )
    table.finish()
    return found


def _classes(table: Table) -> frozenset[ToolClass]:
    names = _texts(table, "classes")
    for name in names:
        if name not in set(ToolClass):
            raise BadInput(
                f"{table.place('classes')} are among {', '.join(one.value for one in ToolClass)}, and {name[:40]!r} is "
                "none (one-liners have a key of their own, one_liners = true)"
            )
    return frozenset(map(ToolClass, names))


def _approval_wait_ms(table: Table) -> int | None:
    needed = _switch(table, "needs_approval")
    given = table.has("approval_wait_s")
    if given and not needed:
        raise BadInput(
            f"{table.place('approval_wait_s')} waits for nothing: add needs_approval = true, or leave it out"
        )
    if not needed:
        return None
    if not given:
        return round(DEFAULT_APPROVAL_WAIT_S * 1000)
    return milliseconds(table, "approval_wait_s", MAX_APPROVAL_WAIT_S)


def _texts(table: Table, key: str) -> tuple[str, ...]:
    return table.texts(key) if table.has(key) else ()


def _switch(table: Table, key: str) -> bool:
    return table.has(key) and table.boolean(key)


def _whole(table: Table, key: str, maximum: int) -> int | None:
    return table.integer(key, minimum=1, maximum=maximum) if table.has(key) else None


def _selector(table: Table, key: str) -> Selector:
    try:
        return parse_selector(table.text(key))
    except BadSelector as error:
        raise BadInput(f"{table.place(key)}: {error}") from error
