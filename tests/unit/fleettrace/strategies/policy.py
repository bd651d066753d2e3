"""Any answer of a policy."""

from hypothesis import strategies as st

from fleettrace.model.policy import GrantAnswer, PolicyAnswer
from tests.unit.fleettrace.strategies.basics import amounts, names, numbers, texts
from tests.unit.fleettrace.strategies.redaction import redact_rules

policy_answers = st.builds(
    PolicyAnswer,
    texts,
    texts,
    texts,
    texts,
    texts,
    texts,
    st.integers(0, 1 << 31),
    st.lists(st.builds(GrantAnswer, texts, st.booleans(), texts), max_size=2).map(tuple),
    st.integers(0, 1 << 31),
    amounts,
    numbers,
    st.lists(names, max_size=2).map(tuple),
    numbers,
    redact_rules,
)
