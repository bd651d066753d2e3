import json
import subprocess
import sys

import pytest

from controller.install.sending import bootstrap, program


def ask(order: dict[str, object], *prefix: str) -> dict[str, object]:
    """What an interpreter without this project answers."""
    command = [*prefix, "/usr/bin/python3", "-I", "-c", bootstrap()]
    asked = program() + json.dumps(order).encode() + b"\n"
    said = subprocess.run(command, input=asked, capture_output=True, check=True).stdout
    answer: dict[str, object] = json.loads(said)
    return answer


@pytest.mark.skipif(sys.platform != "linux", reason="hosts are Linux")
def test_the_program_runs_where_this_project_is_not() -> None:
    answer = ask({"do": "state"})

    assert {"version", "versions", "running", "enrolled"} <= set(answer)


def test_two_at_once_are_refused() -> None:
    answer = ask({"do": "state"}, "flock", "/etc")

    assert answer["fault"] == "busy"
    assert "at this moment" in str(answer["error"])


def test_an_order_that_is_not_known_is_no_traceback() -> None:
    assert ask({"do": "dance"})["fault"] == "command"
