"""The personal token of an operator: ``fto1_`` its number ``_`` its secret, of which a digest is kept."""

import re
import secrets
from dataclasses import dataclass, field

from fleettrace.errors import Unauthenticated

__all__ = ["PersonalToken", "is_personal_token"]

PREFIX = "fto1_"
ID_BYTES = 8
SECRET_BYTES = 32
_FORM = re.compile(r"fto1_([0-9a-f]{16})_([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """A token as an operator holds it."""

    token_id: str
    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "PersonalToken":
        """A new one, at random."""
        return cls(secrets.token_hex(ID_BYTES), secrets.token_bytes(SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "PersonalToken":
        """Parse what :meth:`text` gives.

        Raises:
            Unauthenticated: it is something else; the message does not repeat it.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise Unauthenticated(
                "this is no personal token: log in with all of what 'fleettrace operator add' printed"
            )
        return cls(match[1], bytes.fromhex(match[2]))

    def text(self) -> str:
        """The token as people copy it."""
        return f"{PREFIX}{self.token_id}_{self.secret.hex()}"


def is_personal_token(text: str) -> bool:
    """Whether a credential claims to be one of these, and not a token of an identity provider."""
    return text.startswith(PREFIX)
