import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleettrace.catalog import builtin_tools
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.source import tool_source
from tests.kernel.support import NOBODY, require_kernel


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory: programs are compiled once for all tests."""
    require_kernel()
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def cache(state: Path) -> ObjectCache:
    return ObjectCache(object_directory(state))


@pytest.fixture
def nobodys_state(state: Path, cache: ObjectCache) -> Iterator[Path]:
    """Another user's state directory, with everything compiled: compiling is another process' business."""
    for tool in builtin_tools().values():
        cache.get(tool_source(tool))
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(object_directory(state), object_directory(directory))
        for path in (Path(directory), *Path(directory).rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        yield Path(directory)
