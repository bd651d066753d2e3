"""Numbers, texts and names of which the rest is made."""

from hypothesis import strategies as st

numbers = st.integers(0, 1 << 40)
amounts = st.floats(0, 1e9)
texts = st.text(max_size=12)
names = st.text("abcxyz_", min_size=1, max_size=6).map(lambda name: "n" + name)
host_names = st.from_regex(r"[a-z]([a-z.-]{0,4}[0-9])?", fullmatch=True)
digests = st.text("0123456789abcdef", min_size=1, max_size=64)
labels = st.dictionaries(names, st.from_regex(r"[a-zA-Z0-9]{1,5}", fullmatch=True), max_size=3)
capabilities = st.lists(names, max_size=3).map(tuple)
params = st.dictionaries(names, st.integers(-(1 << 62), 1 << 62) | texts, max_size=3)
