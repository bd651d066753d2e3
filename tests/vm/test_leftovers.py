"""After all the jobs of this suite nothing of them is in the guest's kernel, or its agent's hands."""

from tests.vm.image import AGENT_HOME
from tests.vm.stage import Stage

_PROGRAMS = (
    f"/{AGENT_HOME}/bin/python -I -c "
    "'from node_agent.kernel.inventory import program_ids; print(*sorted(program_ids()))'"
)


def test_a_job_leaves_no_program_and_no_probe(stage: Stage) -> None:
    before = stage.guest.run(_PROGRAMS).out
    code, document, told = stage.begin("pagefaults", {}, "1s").finish()
    assert code == 0, told
    assert document["hosts"][0]["alternative"]
    assert stage.guest.run(_PROGRAMS).out == before
    assert stage.guest.run("cat /sys/kernel/tracing/kprobe_events /sys/kernel/tracing/uprobe_events").out == ""
