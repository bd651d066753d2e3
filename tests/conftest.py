"""What holds for all tests."""

import os
import signal

import pytest
from hypothesis import settings

# Examples that take longer than usual are no finding: the machine may have other things to do.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# gRPC tells of every stream that a server cancels when it ends, on the stderr that tests compare. It looks at this when
# it is imported, which is after this file.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Tests that are started in the background may have SIGINT ignored (a shell's `&` does), and every program that they
# start would inherit it: a Ctrl-C would never come.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--vm", action="store_true", help="run the tests of tests/vm, which boot a virtual machine")
