"""The command line. It talks to the controller's RPC only, except for ``serve``, which is the controller."""

import os
import signal
from threading import current_thread, main_thread

# gRPC writes log lines of its own between a person and our one sentence; it reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# Ctrl-C while this is imported ends it without a word, where Python would show a traceback.
_QUIET = signal.getsignal(signal.SIGINT) is signal.default_int_handler and current_thread() is main_thread()
if _QUIET:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from controller.cli.entry import main  # noqa: E402

if _QUIET:
    signal.signal(signal.SIGINT, signal.default_int_handler)

__all__ = ["main"]
