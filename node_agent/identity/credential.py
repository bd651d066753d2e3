"""What an enrolled host has: its certificate and key, whom it trusts, who it is. One file, for its owner alone."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self

from fleettrace.errors import BadInput

__all__ = ["FILE_NAME", "Credential"]

FILE_NAME = "identity.json"
MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """``controller`` is where the host enrolled, ``stream`` where its certificate is taken.

    ``renew_at_ms`` and ``not_after_ms`` are Unix milliseconds by this host's clock; ``token_id`` is the number of the
    join token that was used up.
    """

    controller: str
    stream: str
    host: str
    token_id: str
    authority_pem: str
    certificate_pem: str
    key_pem: str = field(repr=False)
    renew_at_ms: int
    not_after_ms: int

    def save(self, folder: Path) -> None:
        """Keep it, whole or not at all.

        Raises:
            BadInput: the folder cannot be written to.
        """
        path = folder / FILE_NAME
        part = folder / f".{FILE_NAME}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "w") as file:
                json.dump(asdict(self), file)
                file.flush()
                os.fsync(fd)
            part.replace(path)
        except OSError as error:
            raise BadInput(f"{path} cannot be written ({error.strerror}): name another --state-directory") from error

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The one that is kept; None when there is none.

        Raises:
            BadInput: it cannot be read, or others could read it.
        """
        path = folder / FILE_NAME
        try:
            with path.open() as file:
                exposed = os.fstat(file.fileno()).st_mode & 0o077
                kept = json.loads(file.read(MAX_FILE_BYTES))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise BadInput(f"{path} cannot be read ({why}): remove it, and enrol with a new join token") from error
        if exposed:
            raise BadInput(f"others may read the key in {path}: remove it, and enrol with a new join token")
        kinds = {one.name: one.type for one in fields(cls)}
        if not isinstance(kept, dict) or any(
            not isinstance(kept.get(name), int if kind in {int, "int"} else str) for name, kind in kinds.items()
        ):
            raise BadInput(f"{path} is of another form: remove it, and enrol with a new join token")
        return cls(**{name: kept[name] for name in kinds})
