"""Renewing: well before the end, again when it fails, never for who may come no more. The clock is a test's."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest

from fleettrace.errors import BadInput, FleettraceError, Unauthenticated, Unreachable
from node_agent.identity.credential import Credential
from node_agent.identity.renewal import LOOK_S, MAX_RETRY_S, Renewal

HOUR_MS = 3_600_000
FIRST = Credential(
    controller="c:1",
    stream="c:2",
    host="api-1",
    token_id="0a" * 8,
    authority_pem="A",
    certificate_pem="C",
    key_pem="K",
    renew_at_ms=12 * HOUR_MS,
    not_after_ms=24 * HOUR_MS,
)


@dataclass
class Life:
    """An agent's days: what it slept, when it asked, and how often it dialled anew."""

    folder: Path
    answers: list[FleettraceError | None]
    jitter: float = 0.0
    now_ms: int = 0
    asked_ms: list[int] = field(default_factory=list)
    slept_s: list[float] = field(default_factory=list)
    redials: int = 0
    said: list[str] = field(default_factory=list)

    async def live(self, until_ms: int) -> Renewal:
        renewal = Renewal(
            FIRST,
            self.folder,
            self.said.append,
            ask=self._ask,
            clock_ms=lambda: self.now_ms,
            sleep=self._sleep_until(until_ms),
            jitter=lambda: self.jitter,
        )
        with suppress(asyncio.CancelledError):
            await renewal.run(self._redial)
        return renewal

    async def _ask(self, credential: Credential) -> Credential:
        self.asked_ms.append(self.now_ms)
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        number = len(self.asked_ms)
        renew_at_ms, not_after_ms = self.now_ms + 12 * HOUR_MS, self.now_ms + 24 * HOUR_MS
        return replace(credential, key_pem=f"K{number}", renew_at_ms=renew_at_ms, not_after_ms=not_after_ms)

    def _sleep_until(self, until_ms: int) -> Callable[[float], asyncio.Future[None]]:
        async def sleep(wait_s: float) -> None:
            self.slept_s.append(wait_s)
            self.now_ms += max(1, int(wait_s * 1000))
            if self.now_ms > until_ms:
                raise asyncio.CancelledError

        return sleep  # type: ignore[return-value]

    async def _redial(self) -> None:
        self.redials += 1


async def test_it_renews_at_half_of_the_life_and_dials_anew(tmp_path: Path) -> None:
    life = Life(tmp_path, [None, None])
    renewal = await life.live(30 * HOUR_MS)
    assert [at_ms // HOUR_MS for at_ms in life.asked_ms] == [12, 24]
    assert life.redials == 2
    # A machine that slept through it notices soon after it wakes.
    assert max(life.slept_s) <= LOOK_S
    # What is kept is the newest, for its owner alone.
    assert renewal.credential.key_pem == "K2"
    assert Credential.load(tmp_path) == renewal.credential
    assert (tmp_path / "identity.json").stat().st_mode & 0o777 == 0o600


async def test_hosts_that_enrolled_together_do_not_come_back_together(tmp_path: Path) -> None:
    late = Life(tmp_path, [None], jitter=0.99)
    await late.live(14 * HOUR_MS)
    (asked_ms,) = late.asked_ms
    assert 13 * HOUR_MS < asked_ms < 13.3 * HOUR_MS


async def test_a_controller_that_is_away_is_asked_again_until_the_end(tmp_path: Path) -> None:
    away = [Unreachable("nobody answers")] * 1_000
    life = Life(tmp_path, [*away[:60], None])
    renewal = await life.live(23 * HOUR_MS)
    assert renewal.credential.key_pem == "K61"
    waits_s = [(later - earlier) / 1000 for earlier, later in zip(life.asked_ms, life.asked_ms[1:], strict=False)]
    assert min(waits_s) >= 1
    assert max(waits_s) <= MAX_RETRY_S
    assert waits_s[0] < 10 < waits_s[6]
    assert "trying again" in life.said[0]


async def test_after_the_end_the_controller_is_asked_on_and_never_in_a_hurry(tmp_path: Path) -> None:
    life = Life(tmp_path, [*[Unreachable("nobody answers")] * 500, None])
    await life.live(40 * HOUR_MS)
    over_ms = FIRST.not_after_ms
    after = [at_ms for at_ms in life.asked_ms if at_ms > over_ms + 1_000 * MAX_RETRY_S]
    waits_s = [(later - earlier) / 1000 for earlier, later in pairwise(after)]
    assert len(waits_s) > 10
    assert min(waits_s) >= MAX_RETRY_S / 2


async def test_who_may_come_no_more_asks_no_more_and_ends(tmp_path: Path) -> None:
    life = Life(tmp_path, [Unauthenticated("api-1 was revoked")])
    with pytest.raises(Unauthenticated, match="was revoked"):
        await life.live(100 * HOUR_MS)
    assert (len(life.asked_ms), life.redials) == (1, 0)


async def test_a_refusal_after_the_end_of_the_certificate_ends_it_too(tmp_path: Path) -> None:
    life = Life(tmp_path, [*[Unreachable("nobody answers")] * 200, Unauthenticated("none is allowed here")])
    with pytest.raises(Unauthenticated, match="none is allowed"):
        await life.live(100 * HOUR_MS)
    assert life.now_ms > FIRST.not_after_ms


async def test_a_request_that_the_controller_cannot_use_is_made_again_and_never_in_a_hurry(tmp_path: Path) -> None:
    life = Life(tmp_path, [*[BadInput("no signing request")] * 5, None])
    renewal = await life.live(13 * HOUR_MS)
    assert (renewal.credential.key_pem, life.redials) == ("K6", 1)
    assert min((later - earlier) / 1000 for earlier, later in pairwise(life.asked_ms)) >= 1


async def test_a_certificate_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    life = Life(tmp_path / "file", [None])
    renewal = await life.live(13 * HOUR_MS)
    assert (renewal.credential.key_pem, life.redials) == ("K1", 1)
    assert "cannot be kept" in life.said[0]
