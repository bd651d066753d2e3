"""What an installation makes. Each thing is written down before it is made, so that one that broke off can be finished
or removed as well as a whole one."""

import contextlib
import errno
import grp
import json
import pwd
import shutil
from pathlib import Path

from controller.install.on_host.commands import run
from controller.install.on_host.layout import HOME, MANIFEST, SETTINGS, STATE, TRACEFS, USER

__all__ = ["Made", "make_user", "remove", "remove_user", "replace", "write"]


class Made:
    """What this installation made; the file is written before the thing is made."""

    def __init__(self) -> None:
        HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            kept = json.loads(MANIFEST.read_text())
        except FileNotFoundError:
            kept = {"user": False, "paths": [str(HOME)]}
        self.user: bool = kept["user"]
        self.paths = [Path(path) for path in kept["paths"]]
        self._save()

    def directory(self, path: Path, owner: str = "") -> None:
        """Make a folder, unless somebody else did."""
        if not path.is_dir():
            self.note(path)
            path.mkdir(mode=0o700 if owner else 0o755, parents=True)
        if owner and path.stat().st_uid != pwd.getpwnam(owner).pw_uid:
            shutil.chown(path, owner, owner)

    def note(self, path: Path) -> None:
        """Write down that ``path`` is made here."""
        if path not in self.paths:
            self.paths.append(path)
            self._save()

    def note_user(self) -> None:
        """Write down that the user is made here."""
        self.user = True
        self._save()

    def _save(self) -> None:
        replace(MANIFEST, json.dumps({"user": self.user, "paths": [str(path) for path in self.paths]}), 0o644)


def make_user(made: "Made", changes: list[str]) -> None:
    """Make the agent's user, unless there is one."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        made.note_user()
        run(
            *("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(STATE)),
            *("--shell", "/usr/sbin/nologin", "--comment", "fleettrace agent", USER),
        )
        changes.append(f"user {USER}")


def remove_user(changes: list[str]) -> None:
    """Remove the agent's user and its group."""
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(USER)
        _take_back(TRACEFS, user.pw_gid)
        run("userdel", USER)
        changes.append(f"user {USER}")
    with contextlib.suppress(KeyError):  # userdel removes the group of the same name, unless it is told not to
        grp.getgrnam(USER)
        run("groupdel", USER)


def _take_back(mount: Path, group: int) -> None:
    """The unit let the agent's group read tracefs; the number of a group that is gone could be another one's soon."""
    if mount.is_dir() and mount.stat().st_gid == group:
        run("mount", "-o", "remount,gid=0,mode=0700", str(mount))


def write(made: Made, path: Path, text: str, mode: int, changes: list[str]) -> bool:
    """Write a file of ours, unless it says so already."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text:
            return False
    if not path.exists():
        made.note(path)
    replace(path, text, mode)
    changes.append(str(path))
    return True


def replace(path: Path, text: str, mode: int) -> None:
    """Write a file whole, or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.chmod(mode)
    part.replace(path)


def remove(path: Path, changes: list[str], kept: list[str]) -> None:
    """Remove what is ours: a folder whole, but for the settings', where people put files of their own."""
    try:
        if path == SETTINGS:
            path.rmdir()
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        kept += [str(one) for one in sorted(path.rglob("*"))]
        return
    changes.append(str(path))
