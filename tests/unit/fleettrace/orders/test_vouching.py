"""How one key leads to the next, and for how long."""

from dataclasses import replace

from fleettrace.orders.keys import SigningKey
from fleettrace.orders.vouching import believed, vouch

FIRST, SECOND, THIRD = (SigningKey(bytes([number]) * 32) for number in range(3))


def test_a_known_key_leads_to_the_next_and_counts_no_longer_than_it_vouched() -> None:
    vouches = [vouch(FIRST, SECOND.public, 100)]
    assert believed({FIRST.public.raw: 0}, vouches, 50) == {FIRST.public.raw: 100, SECOND.public.raw: 0}


def test_a_chain_leads_all_the_way_in_any_order() -> None:
    vouches = [vouch(SECOND, THIRD.public, 100), vouch(FIRST, SECOND.public, 90)]
    assert set(believed({FIRST.public.raw: 0}, vouches, 50)) == {key.public.raw for key in (FIRST, SECOND, THIRD)}


def test_a_vouch_that_is_over_leads_nowhere() -> None:
    assert believed({FIRST.public.raw: 0}, [vouch(FIRST, SECOND.public, 100)], 100) == {FIRST.public.raw: 0}


def test_a_key_whose_time_is_over_counts_no_more() -> None:
    assert believed({FIRST.public.raw: 100, SECOND.public.raw: 0}, [], 100) == {SECOND.public.raw: 0}


def test_a_stranger_leads_nowhere() -> None:
    forged = replace(vouch(THIRD, SECOND.public, 100), by=FIRST.public.raw)
    later = replace(vouch(FIRST, SECOND.public, 100), until_ms=1_000)
    for wrong in (forged, later, vouch(THIRD, SECOND.public, 100)):
        assert believed({FIRST.public.raw: 0}, [wrong], 50) == {FIRST.public.raw: 0}
