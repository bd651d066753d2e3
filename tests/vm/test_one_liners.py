"""One-liners that need kprobes, by the command line, on a kernel that has them."""

from tests.vm.stage import Stage
from tests.vm.work import work

SESSIONS = 53
PROGRAM = "kprobe:tcp_connect { @[comm] = count(); }"


def test_tcp_connect_by_process(stage: Stage) -> None:
    with work(stage.guest, "sessions", SESSIONS) as going:
        job = stage.begin_program(PROGRAM, stage.durations()[1])
        assert job.wait_tracing(), job.finish()
        going.run()
        code, document, told = job.finish()
    assert code == 0, told
    (host,) = document["hosts"]
    assert (host["outcome"], host["backend"]) == ("complete", "bpftrace")
    by_process = {row["key"]["comm"]: row["count"] for row in document["merged"]["counts"]}
    # And half as many attempts where nobody listens.
    assert by_process["python3"] == SESSIONS + SESSIONS // 2
