"""Host classes: one canary speaks for hosts that cost alike."""

from dataclasses import replace

import pytest

from fleettrace.model.host import Host, HostFacts

FACTS = HostFacts("6.1.0-18-amd64", "#1 SMP Debian 6.1.76-1", "x86_64", 8, boot_id="b1", agent_version="0.1.0")


@pytest.mark.parametrize(
    "other",
    [
        {"kernel_release": "6.1.0-20-amd64"},
        {"kernel_build": "#2 SMP"},
        {"arch": "aarch64"},
        {"cpu_count": 16},
        {"backend": "replay"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_hosts_that_cost_differently_are_of_different_classes(other: dict[str, object]) -> None:
    assert replace(FACTS, **other).host_class != FACTS.host_class  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"boot_id": "b2"},
        {"agent_version": "0.2.0"},
        {"scope": "/api"},
        {"capabilities": ("CAP_BPF",)},
        {"tools": {"runqlat": "ab"}},
        {"unfit_reason": "no BTF"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_does_not_change_the_cost_does_not_change_the_class(other: dict[str, object]) -> None:
    assert replace(FACTS, **other).host_class == FACTS.host_class  # type: ignore[arg-type]


def test_a_host_has_the_class_of_its_facts() -> None:
    assert Host("api-1", {}, FACTS, True, 0).host_class == FACTS.host_class


def test_a_class_reads_as_what_it_is() -> None:
    assert FACTS.host_class == "6.1.0-18-amd64 #1 SMP Debian 6.1.76-1/x86_64/8cpu/bcc"
