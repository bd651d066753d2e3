"""The command line. It talks to the controller's RPC only, except for ``serve``, which is the controller."""

import os

from fleettrace.loading import interrupted_quietly

# gRPC writes log lines of its own between a person and our one sentence; it reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

with interrupted_quietly():
    from controller.cli.entry import main

__all__ = ["main"]
