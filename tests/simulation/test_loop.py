"""The simulated processes: killed and frozen between any two steps, in virtual time."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.simulation.loop import WORLD, Process, VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.dispose()


def test_time_jumps_and_no_time_passes(loop: VirtualLoop) -> None:
    seen: list[float] = []

    async def sleeper() -> None:
        await asyncio.sleep(3600)
        seen.append(loop.time())

    Process(loop, "p").spawn(sleeper())
    loop.run_until(10_000)
    assert seen == [3600]
    assert loop.time() == 10_000


def test_the_killed_run_no_step_more_not_even_to_clean_up(loop: VirtualLoop) -> None:
    seen: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(2)
        finally:
            seen.append("cleaned up")

    process = Process(loop, "p")
    process.spawn(tidy())
    loop.call_at(1, process.kill, context=WORLD)
    loop.run_until(10)
    assert seen == []


def test_the_frozen_go_on_where_they_were(loop: VirtualLoop) -> None:
    seen: list[float] = []

    async def ticks() -> None:
        while True:
            await asyncio.sleep(1)
            seen.append(loop.time())

    process = Process(loop, "p")
    process.spawn(ticks())
    loop.call_at(1.5, process.freeze, context=WORLD)
    loop.call_at(5.0, process.thaw, context=WORLD)
    loop.run_until(6.5)
    assert seen == [1, 5, 6]


def test_a_process_dies_between_two_of_its_steps(loop: VirtualLoop) -> None:
    seen: list[int] = []

    async def counts() -> None:
        for number in range(10):
            seen.append(number)
            await asyncio.sleep(0)

    process = Process(loop, "p")
    process.after_steps(3, process.kill)
    process.spawn(counts())
    loop.run_until(1)
    assert seen == [0, 1, 2]
