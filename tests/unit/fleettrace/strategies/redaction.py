"""Any rules by which fields are hidden, and any redaction."""

from hypothesis import strategies as st

from fleettrace.model.redaction import PLAIN, RedactAs, RedactedField, Redaction, strictest

redact_rules = st.dictionaries(st.sampled_from(RedactedField), st.sampled_from(RedactAs)).map(
    lambda ways: strictest(ways.items())
)
redactions = st.builds(
    lambda rules, key: Redaction(rules, key) if rules else PLAIN, redact_rules, st.binary(min_size=32, max_size=32)
)
