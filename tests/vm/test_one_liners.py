"""One-liners that need kprobes, by the command line, on a kernel that has them."""

from tests.vm.stage import Stage
from tests.vm.tracing import CANCELLED
from tests.vm.work import work

SESSIONS = 53
PROGRAM = "kprobe:tcp_connect { @[comm] = count(); }"


def test_tcp_connect_by_process(stage: Stage) -> None:
    with work(stage.guest, "sessions", SESSIONS) as going:
        job = stage.begin_program(PROGRAM)
        assert job.wait_tracing(), job.finish()
        going.run()
        code, document, told = job.cancel()
    assert code == CANCELLED, told
    (host,) = document["hosts"]
    assert (host["outcome"], host["backend"]) == ("partial", "bpftrace")
    by_process = {row["key"]["comm"]: row["count"] for row in document["merged"]["counts"]}
    # And half as many attempts where nobody listens.
    assert by_process["python3"] == SESSIONS + SESSIONS // 2
