"""The outbox: final parts until acknowledged, news while it is fresh."""

from fleettrace.model.run import Part, RunCost, RunKey, RunKind, RunOutcome
from node_agent.outbox import MAX_QUEUED, MAX_UNACKNOWLEDGED, Outbox


def part(number: int, *, final: bool = True) -> Part:
    key = RunKey(f"j{number}", "h", 1)
    return Part(key, RunKind.TRACE, RunOutcome.COMPLETE, "", "bcc", 0, 1, final=final)


async def test_a_final_part_is_sent_on_every_connection_until_it_is_acknowledged() -> None:
    outbox = Outbox()
    outbox.part(part(1))
    for _ in range(2):
        queue = outbox.open()
        assert queue.get_nowait().part.run.job_id == "j1"
        outbox.close()
    outbox.acknowledged(part(1).run)
    assert outbox.open().empty()
    await outbox.wait_acknowledged()


def test_news_without_a_connection_is_dropped() -> None:
    outbox = Outbox()
    outbox.progress(part(1).run, 1, RunCost())
    outbox.part(part(1, final=False))
    assert outbox.open().empty()
    assert outbox.unacknowledged == ()


def test_both_queues_are_bounded_and_the_newest_parts_stay() -> None:
    outbox = Outbox()
    queue = outbox.open()
    for number in range(MAX_QUEUED + MAX_UNACKNOWLEDGED):
        outbox.part(part(number))
    assert queue.qsize() == MAX_QUEUED
    assert len(outbox.unacknowledged) == MAX_UNACKNOWLEDGED
    assert outbox.unacknowledged[-1] == part(MAX_QUEUED + MAX_UNACKNOWLEDGED - 1).run
    # What did not fit into the stream comes with the next one.
    outbox.close()
    assert outbox.open().qsize() == MAX_UNACKNOWLEDGED


def test_the_greeting_names_live_and_unsent_runs_once() -> None:
    outbox = Outbox()
    outbox.part(part(1))
    keys = outbox.keys_to_wire((part(1).run, part(2).run))
    assert [key.job_id for key in keys] == ["j1", "j2"]
