"""Slow filesystem operations on filesystems that this machine may not have: the type is told, and each call is seen."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fleettrace.catalog import find_tool
from tests.checks.description import Counted, checks_of
from tests.checks.parts import count
from tests.vm.stage import Stage
from tests.vm.table import Row, Table
from tests.vm.tracing import traced

TOOL = "fsslower"
SIZE = "400M"
"""mkfs.xfs makes none that are smaller than 300 MB."""


@pytest.fixture(params=["xfs", "btrfs"])
def filesystem(request: pytest.FixtureRequest, stage: Stage) -> Iterator[str]:
    """A filesystem of this type, in a file of the data disk, where workloads write."""
    kind = str(request.param)
    made = f"truncate -s {SIZE} /mnt/{kind} && mkfs.{kind} -q /mnt/{kind} && mkdir -p /run/{kind}"
    stage.guest.run(f"{made} && mount -o loop /mnt/{kind} /run/{kind} && mount --bind /run/{kind} /var/tmp")
    try:
        yield kind
    finally:
        stage.guest.run(f"umount /var/tmp && umount /run/{kind} && rm /mnt/{kind}", check=False)


def test_fsslower_sees_each_call(stage: Stage, table: Table, filesystem: str) -> None:
    known = checks_of(find_tool(TOOL)).known["guest"]
    found = traced(stage, TOOL, replace(known, params={**known.params, "fs": filesystem}))
    reads = count(Counted(histograms={"operation": "read", "filesystem": filesystem}), found.part)
    table.add(Row(TOOL, found.alternative, f"{known.what} on {filesystem}", reads))
    assert known.at_least <= reads <= known.at_most
    kept = {event["filesystem"] for event in found.part.events if "filesystem" in event}
    assert kept <= {filesystem}
