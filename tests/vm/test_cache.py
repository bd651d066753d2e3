"""What the suite keeps is shared by checkouts: each makes its own, and removes what nobody uses."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.vm.cache import cache_directory, hold, remove_old
from tests.vm.image import REPOSITORY

_HOLDER = """
import sys
from pathlib import Path
from tests.vm.cache import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_what_another_process_uses_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    used, old, half = (cache_directory() / name for name in ("image-used", "image-old", "building-half"))
    for directory in (used, old, half):
        directory.mkdir()
    command = [sys.executable, "-c", _HOLDER, str(used)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        remove_old("image-*", "building-*")
        assert sorted(cache_directory().iterdir()) == [used]
        holder.kill()
    # WHEN it is gone, however it ended
    remove_old("image-*", "building-*")
    assert not list(cache_directory().iterdir())
    # THEN one's own stays as well
    used.mkdir()
    hold(used)
    remove_old("image-*")
    assert used.exists()
