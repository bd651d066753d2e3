"""C++ and Rust names as people write them, by libstdc++'s own demangler where it is installed."""

import ctypes
import re
from functools import cache, lru_cache
from typing import Any

__all__ = ["demangle"]

_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")


@cache
def _demangler() -> tuple[Any, Any] | None:
    try:
        function = ctypes.CDLL("libstdc++.so.6")["__cxa_demangle"]
    except (OSError, AttributeError):
        return None
    # (mangled name, output buffer, its length, status); the result is malloc'ed.
    function.restype = ctypes.c_void_p
    function.argtypes = (ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))
    free = ctypes.CDLL(None).free
    free.argtypes = (ctypes.c_void_p,)
    return function, free


@lru_cache(maxsize=4096)
def demangle(name: str) -> str:
    """The readable form of an Itanium-ABI name (``_Z...``; Rust's older scheme uses it too); others as they are."""
    if not name.startswith("_Z") or (demangler := _demangler()) is None:
        return name
    function, free = demangler
    status = ctypes.c_int()
    result = function(name.encode(), None, None, ctypes.byref(status))
    if not result:
        return name
    text = ctypes.string_at(result).decode(errors="replace")
    free(result)
    return _RUST_HASH.sub("", text)
