"""Ctrl-C while a program is still being imported, which takes longest of its start."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

__all__ = ["interrupted_quietly"]


@contextmanager
def interrupted_quietly() -> Iterator[None]:
    """Let Ctrl-C end the process at once, by the signal and without a word, where Python would show a traceback.

    Nothing is changed in another thread than the first one, or where SIGINT has a handler already or is ignored.
    """
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
