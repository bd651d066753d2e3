"""Whatever an operator's request holds: a plan, or a sentence of the error tree, and nothing worse."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.jobs.asking import plan_job
from fleettrace.errors import FleettraceError
from tests.unit.controller.house import ASKED, host

texts = st.text(max_size=40)
TOOLS = st.sampled_from(["runqlat", "profile", "funclatency", "one-liner", ""]) | texts
SELECTORS = st.sampled_from(["all", "role=api", "role!=db,zone=a", "h*"]) | texts
PROGRAMS = st.just("") | texts | texts.map(lambda text: f"kprobe:{text} {{ @[{text}] = count(); }}")


@settings(max_examples=300)
@given(
    tool=TOOLS,
    selector=SELECTORS,
    params=st.dictionaries(st.sampled_from(["pid", "comm", "frequency_hz", "binary"]) | texts, texts, max_size=3),
    program=PROGRAMS,
    canary=texts,
    duration_ms=st.integers(0, 2**32 - 1),
)
@example("runqlat", "(" * 5_000, {}, "", "", 1)
@example("", "all", {}, "BEGIN { " + "(" * 5_000, "", 1)
def test_any_request_is_planned_or_refused(
    tool: str, selector: str, params: dict[str, str], program: str, canary: str, duration_ms: int
) -> None:
    asked = replace(
        ASKED, tool=tool, selector=selector, params=params, program=program, canary=canary, duration_ms=duration_ms
    )
    with suppress(FleettraceError):
        plan_job(asked, [host("h1", role="api"), host("h2", role="db")])
