"""Two kernels in one job: each class of hosts has a canary of its own, and what they measured is added up."""

from collections import Counter
from typing import Any

from tests.vm.stage import GUEST, Stage
from tests.vm.work import work

HERE = "here"


def counts(snapshot: dict[str, Any]) -> Counter[tuple[tuple[str, str], ...]]:
    return Counter({tuple(sorted(row["key"].items())): row["count"] for row in snapshot["counts"]})


def test_one_job_on_both_kernels(stage: Stage) -> None:
    stage.fleet.start_agent(HERE)
    with work(stage.guest, "rare_syscalls", 53) as going:
        job = stage.begin("syscount", {}, "15s", on=f"{HERE},{GUEST}")
        assert job.wait_tracing(), job.finish()
        going.run()
        code, document, told = job.finish()
    assert code == 0, told
    hosts = {host["host"]: host for host in document["hosts"]}
    assert set(hosts) == {HERE, GUEST}
    # THEN they are of two classes, with a canary each
    classes = {name: host["class"] for name, host in hosts.items()}
    assert classes[GUEST].startswith(stage.guest.run("uname -r").out.strip())
    assert len(set(classes.values())) == 2
    assert {canary["host"]: canary["class"] for canary in document["canaries"]} == classes
    # THEN the merged result is the sum of both, exactly
    assert counts(document["merged"]) == counts(hosts[HERE]) + counts(hosts[GUEST])
    assert document["coverage"]["answered"] == 2
    assert document["coverage"]["left_out"] == []
    own = sum(row["count"] for row in hosts[GUEST]["counts"] if row["key"]["syscall"] == "ioprio_get")
    assert own == 53
