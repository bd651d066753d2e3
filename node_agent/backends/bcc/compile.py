"""The compile child: ``python -I -m node_agent.backends.bcc.compile``, one program in, one object out.

BCC and LLVM take some 130 MB, change directory and never give memory back: they live and die here. The child reads
``{"text", "flags", "btf_file", "release"}`` on standard input and writes an object's JSON on standard output; when it
fails it exits with 1 and the compiler's words on standard error. It must start in an empty directory, since BCC
searches the working directory first, and needs CAP_BPF, since BCC creates the maps in order to number them.
"""

import ctypes
import json
import os
import resource
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleettrace.errors import Unfit
from node_agent.backends.bcc.header_tree import write_header_tree
from node_agent.backends.bcc.target import TargetKernel
from node_agent.kernel.bpf_object import BpfObject, find_relocations
from node_agent.kernel.btf import KernelTypes, read_btf
from node_agent.kernel.fdinfo import read_fdinfo
from node_agent.kernel.maps import MapDefinition

__all__ = ["compile_object", "main"]

_ADDRESS_SPACE_BYTES = 2 << 30
_NICENESS = 10
# BCC's prelude declares helpers for types that the tree leaves out, and macros that it has too. A function that is
# not there would become a jump to nowhere.
_WARNINGS = ("-Wno-visibility", "-Wno-macro-redefined", "-Werror=implicit-function-declaration")


def compile_object(text: str, flags: Mapping[str, int], kernel: TargetKernel) -> BpfObject:
    """Compile a program against a kernel's types.

    Raises:
        Unfit: BCC is not installed, or the kernel has no BTF.
        Exception: whatever BCC raises when the program does not compile; its words are on standard error.
        ValueError: the bytecode is not what this loader understands.
    """
    with tempfile.TemporaryDirectory(prefix="fleettrace-types-") as tree:
        write_header_tree(Path(tree), KernelTypes(read_btf(kernel.btf_file)), kernel.release, text)
        os.environ["BCC_KERNEL_SOURCE"] = tree
        try:
            from bcc import BPF  # noqa: PLC0415 - LLVM is loaded by the import, and only this function needs it
        except ImportError as error:
            raise Unfit("BCC is missing; apt-get install python3-bpfcc (pip's package bcc is another)") from error
        macros = [f"-D{name}={value:d}" for name, value in flags.items()]
        return _extract(BPF(text=text, cflags=[*macros, *_WARNINGS]))


def _extract(module: Any) -> BpfObject:
    from bcc import lib  # noqa: PLC0415

    lib.bpf_table_name.restype = ctypes.c_char_p
    lib.bpf_function_name.restype = ctypes.c_char_p
    by_fd: dict[int, MapDefinition] = {}
    for index in range(lib.bpf_num_tables(module.module)):
        fd = lib.bpf_table_fd_id(module.module, index)
        info = read_fdinfo(fd)
        by_fd[fd] = MapDefinition(
            name=lib.bpf_table_name(module.module, index).decode(),
            type=int(info["map_type"]),
            key_bytes=int(info["key_size"]),
            value_bytes=int(info["value_size"]),
            max_entries=int(info["max_entries"]),
            flags=int(info["map_flags"], 0),
        )
    names = {fd: definition.name for fd, definition in by_fd.items()}
    functions = [
        lib.bpf_function_name(module.module, index).decode() for index in range(lib.bpf_num_functions(module.module))
    ]
    return BpfObject(
        maps=tuple(sorted(by_fd.values(), key=lambda definition: definition.name)),
        programs={name: find_relocations(name, module.dump_func(name.encode()), names) for name in sorted(functions)},
    )


def main() -> int:
    """Serve one request; see the module's text."""
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE_BYTES, _ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The compiler writes warnings wherever it likes: keep the real standard output for the answer alone.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    kernel = TargetKernel(Path(request["btf_file"]), request["release"])
    try:
        compiled = compile_object(request["text"], request["flags"], kernel)
    except Exception as error:  # noqa: BLE001 - BCC raises bare Exception; the parent gets the words, not a traceback
        print(error, file=sys.stderr)
        return 1
    with answer:
        json.dump(compiled.to_json(), answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
