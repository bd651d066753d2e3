"""Frames of a stack: which of them are the application's own work."""

import re

from fleettrace.snapshot import KERNEL_SUFFIX

__all__ = ["is_application_frame"]

START_UP = frozenset(
    {
        "_start",
        "__clone",
        "__clone3",
        "__libc_start_call_main",
        "__libc_start_main",
        "__libc_start_main_impl",
        "clone",
        "clone3",
        "main",
        "start_thread",
        "thread_start",
    }
)
"""On every stack of a process or thread: they say that it runs, and nothing of what it does."""

_NAMELESS = re.compile(r"\[.*\]|0x[0-9a-f]+|[0-9a-f]{8,}", re.IGNORECASE)


def is_application_frame(frame: str) -> bool:
    """Whether the frame is a named function of user space that is not start-up code."""
    return not frame.endswith(KERNEL_SUFFIX) and frame not in START_UP and not _NAMELESS.fullmatch(frame)
