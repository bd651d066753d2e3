"""The program that root runs on a host (:mod:`controller.install.on_host`), as one piece to send."""

import importlib.resources
import json
from functools import cache

__all__ = ["bootstrap", "program"]

PACKAGE = "controller.install.on_host"
MODULES = ("commands", "layout", "made", "packages", "service", "examining", "orders")
"""In the order of their imports: each knows those before it alone."""

# The host has no such package: its modules are made of the texts, under their own names, and the last one is run.
_BOOTSTRAP = """\
import json, sys, types
for name, text in json.loads(sys.stdin.buffer.read({size})).items():
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(text, name, "exec"), module.__dict__)
module.main()
"""


@cache
def program() -> bytes:
    """The modules with their texts, which go first to the standard input of what :func:`bootstrap` starts."""
    folder = importlib.resources.files(PACKAGE)
    parents = {"controller": "", "controller.install": "", PACKAGE: ""}
    texts = {f"{PACKAGE}.{name}": (folder / f"{name}.py").read_text() for name in MODULES}
    return json.dumps(parents | texts).encode()


def bootstrap() -> str:
    """What the host's interpreter is told to run."""
    return _BOOTSTRAP.format(size=len(program()))
