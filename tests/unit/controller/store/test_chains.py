from itertools import chain

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from controller.store.chains import order_of_chains

CHAINS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple), unique=True, min_size=1, max_size=40)


@given(CHAINS)
def test_the_order_of_chains_is_that_of_their_frames(chains: list[tuple[int, ...]]) -> None:
    lengths = np.array([len(own) for own in chains])
    places = np.array([*chain.from_iterable(chains)], np.uint32)
    assert order_of_chains(lengths, places).tolist() == [sorted(chains).index(own) for own in chains]
