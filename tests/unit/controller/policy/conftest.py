from collections.abc import Callable
from pathlib import Path

import pytest

from fleettrace.model.attach import Alternative
from fleettrace.model.host import Host, HostFacts
from fleettrace.model.output import Decode, ResultKind
from fleettrace.model.tool import Cost, ToolDefinition

MakeTool = Callable[..., ToolDefinition]
MakeHost = Callable[..., Host]


@pytest.fixture(scope="session")
def make_tool() -> MakeTool:
    def make(
        name: str = "runqlat",
        needs: tuple[str, ...] = ("CAP_BPF", "CAP_PERFMON"),
        uses: tuple[str, ...] = (),
    ) -> ToolDefinition:
        return ToolDefinition(
            name=name,
            digest="d" * 64,
            question="",
            result=ResultKind.HISTOGRAM,
            unit="us",
            capabilities=needs,
            optional_capabilities=dict.fromkeys(uses, "names"),
            cost=Cost(hit_ns=100, event_ns=100),
            params=(),
            alternatives=(Alternative("", "", ()),),
            decode=Decode(map="m"),
            directory=Path("/nowhere"),
            program_text="",
            readme="",
        )

    return make


@pytest.fixture(scope="session")
def make_host() -> MakeHost:
    facts = HostFacts(kernel_release="6.1", kernel_build="#1", arch="x86_64", cpu_count=2)

    def make(name: str, **labels: str) -> Host:
        return Host(name=name, labels=labels, facts=facts, connected=True, last_seen_ms=0)

    return make
