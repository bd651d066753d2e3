"""What holds for all tests."""

import os

# gRPC tells of every stream that a server cancels when it ends, on the stderr that tests compare. It looks at this when
# it is imported, which is after this file.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
