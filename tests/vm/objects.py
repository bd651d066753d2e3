"""The guest's programs, compiled on this machine: it depends on nothing but the types of a kernel.

An emulated CPU compiles the catalogue in minutes, this one in seconds; that it is the same is a test.
"""

import hashlib
import io
import tarfile

from fleettrace.catalog import builtin_tools
from node_agent.backends.bcc.object_cache import ObjectCache, object_directory
from node_agent.backends.bcc.selftest import SELFTEST
from node_agent.backends.bcc.source import ProgramSource, tool_source
from node_agent.backends.bcc.target import TargetKernel
from tests.vm.agent import STATE_DIRECTORY
from tests.vm.cache import cache_directory, locked
from tests.vm.guest import Guest
from tests.vm.image import Image

__all__ = ["compiled_here", "guest_kernel", "install_objects", "sources"]


def guest_kernel(image: Image) -> TargetKernel:
    return TargetKernel(image.btf, image.release)


def sources() -> list[ProgramSource]:
    """All that an agent compiles when it starts."""
    return [SELFTEST, *map(tool_source, builtin_tools().values())]


def compiled_here(image: Image) -> ObjectCache:
    """Where they are kept between the runs of this suite."""
    kept = cache_directory() / f"objects-{hashlib.sha256(image.btf.read_bytes()).hexdigest()[:16]}"
    return ObjectCache(object_directory(kept), guest_kernel(image))


def _archive(image: Image) -> bytes:
    """All of them, as a tar archive of an agent's state directory."""
    cache = compiled_here(image)
    archive = io.BytesIO()
    with locked(cache_directory() / "objects.lock"), tarfile.open(fileobj=archive, mode="w") as tar:
        for source in sources():
            cache.get(source)
            tar.add(cache.path_of(source), f"objects/{cache.path_of(source).name}")
    return archive.getvalue()


def install_objects(guest: Guest, image: Image) -> None:
    """Put them where an agent in the guest looks for them."""
    guest.push("/tmp/objects.tar", _archive(image))
    guest.run(
        f"mkdir -p -m 700 {STATE_DIRECTORY}/objects && tar --extract --file=/tmp/objects.tar -C {STATE_DIRECTORY}"
    )
