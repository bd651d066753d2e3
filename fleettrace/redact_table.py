"""The table ``[redact]``, which the controller's policy and each host's own file have in common."""

from fleettrace.errors import BadInput
from fleettrace.model.redaction import NOTHING, RedactAs, RedactedField, Rule, strictest
from fleettrace.toml_tables import Table

__all__ = ["parse_redact"]


def parse_redact(table: Table) -> tuple[Rule, ...]:
    """A ``[redact]`` table: fields with how each is hidden.

    Raises:
        BadInput: an unknown field or way.
    """
    rules: list[Rule] = []
    for field in RedactedField:
        if table.has(field.value):
            way = table.text(field.value)
            if way not in set(RedactAs):
                raise BadInput(f'{table.place(field.value)} must be "hash" or "cut", not {way[:40]!r}')
            rules.append((field, RedactAs(way)))
    table.finish()
    return strictest(rules) if rules else NOTHING
