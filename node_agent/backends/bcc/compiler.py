"""Running the compile child, bounded."""

import json
import subprocess
import sys
import tempfile

from fleettrace.errors import Unfit
from node_agent.backends.bcc.source import ProgramSource
from node_agent.backends.bcc.target import TargetKernel
from node_agent.kernel.bpf_object import BpfObject

__all__ = ["compile_in_child"]

_TIMEOUT_S = 30.0
_MAX_ERROR_CHARS = 1000


def compile_in_child(source: ProgramSource, kernel: TargetKernel) -> BpfObject:
    """Compile in a child process that ends with it.

    Raises:
        Unfit: the program does not compile here, or not within 30 s; the message has the compiler's words.
    """
    request = json.dumps(
        {
            "text": source.full_text,
            "flags": source.flags,
            "btf_file": str(kernel.btf_file.absolute()),
            "release": kernel.release,
        }
    )
    with tempfile.TemporaryDirectory(prefix="fleettrace-compile-") as empty_directory:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-m", "node_agent.backends.bcc.compile"],
                input=request,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                cwd=empty_directory,
                # clang takes include paths from the environment (CPATH and others): pass none of it on.
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unfit(f"compiling {source.name} took more than {_TIMEOUT_S:.0f} s and was stopped") from error
    if done.returncode != 0:
        words = done.stderr.strip()[-_MAX_ERROR_CHARS:] or f"the compiler ended with status {done.returncode}"
        raise Unfit(f"{source.name} does not compile on this kernel: {words}")
    try:
        compiled = BpfObject.from_json(json.loads(done.stdout))
    except ValueError as error:
        raise Unfit(f"the compiler's answer for {source.name} is not an object: {error}") from error
    must_read = {name: param_id for name, param_id in source.param_ids.items() if name not in source.unread_params}
    if names := sorted(name for name, param_id in must_read.items() if param_id not in compiled.param_ids):
        raise Unfit(f"{source.name} declares {', '.join(names)} but its program never reads it")
    return compiled
