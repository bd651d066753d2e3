"""python -m tests.fuzz AREA NAME [FOLDER] [options of libFuzzer]: one target, until a fault or a limit such as -runs.

FOLDER keeps the inputs that reached something new; where it is not there yet, it is made with the target's seeds.
"""

import sys
from importlib import import_module
from pathlib import Path

import atheris


def main() -> None:
    area, name, *rest = sys.argv[1:]
    # What is measured is the product: what it stands on would only slow the search down.
    with atheris.instrument_imports(include=["controller", "fleettrace", "node_agent"]):
        target = import_module(f"tests.fuzz.{area}").TARGETS[name]
    for folder in [Path(argument) for argument in rest if not argument.startswith("-")][:1]:
        if not folder.exists():
            target.write_seeds(folder)
    atheris.Setup([sys.argv[0], *rest], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
