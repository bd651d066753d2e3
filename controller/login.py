"""Where an operator is logged in: for each controller whom to trust, and the token to show.

One file, for its owner alone: ``$XDG_CONFIG_HOME/fleettrace/login.json`` (``~/.config`` by default), as the XDG Base
Directory Specification has it.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleettrace.errors import BadInput

__all__ = ["Login", "Logins", "login_file"]

MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Login:
    """How to reach one controller over TCP."""

    controller: str
    authority_pem: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Logins:
    """All of them; ``current`` is the controller of the newest, empty when there is none."""

    current: str = ""
    by_controller: Mapping[str, Login] = field(default_factory=dict)

    def find(self, controller: str) -> Login | None:
        """The one for a controller, by its address."""
        return self.by_controller.get(controller)

    def with_login(self, login: Login) -> "Logins":
        """These and one more, which is current from now on."""
        return Logins(login.controller, {**self.by_controller, login.controller: login})

    def without(self, controller: str) -> "Logins":
        """These but one."""
        rest = {name: login for name, login in self.by_controller.items() if name != controller}
        return Logins("" if self.current == controller else self.current, rest)

    @classmethod
    def load(cls) -> "Logins":
        """What is kept.

        Raises:
            BadInput: the file cannot be read, or others could read it.
        """
        path = login_file()
        try:
            with path.open() as file:
                exposed = os.fstat(file.fileno()).st_mode & 0o077
                kept = json.loads(file.read(MAX_FILE_BYTES))
            found = {
                str(address): Login(str(address), str(one["authority_pem"]), str(one["token"]))
                for address, one in kept["controllers"].items()
            }
            current = str(kept["current"])
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{path} cannot be used ({type(error).__name__}): remove it, and log in again") from error
        if exposed:
            raise BadInput(f"others may read the tokens in {path}: remove it, have them revoked, and log in again")
        return cls(current if current in found else "", found)

    def save(self) -> None:
        """Keep these, whole or not at all.

        Raises:
            BadInput: the file cannot be written.
        """
        path = login_file()
        part = path.with_name(f".{path.name}.part")
        kept = {
            "current": self.current,
            "controllers": {
                name: {"authority_pem": one.authority_pem, "token": one.token}
                for name, one in self.by_controller.items()
            },
        }
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "w") as file:
                json.dump(kept, file)
            part.replace(path)
        except OSError as error:
            raise BadInput(f"{path} cannot be written ({error.strerror}): set XDG_CONFIG_HOME") from error


def login_file() -> Path:
    """Where logins are kept."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative one is to be ignored, says the specification.
    folder = Path(base) if base.startswith("/") else Path.home() / ".config"
    return folder / "fleettrace" / "login.json"
