"""The command line. It talks to the controller's RPC only, except for ``serve``, which is the controller."""

import os

# gRPC writes log lines of its own between a person and our one sentence; it reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

from controller.cli.entry import main

__all__ = ["main"]
