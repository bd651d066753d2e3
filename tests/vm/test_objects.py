"""What this machine compiles for the guest's kernel is what the guest compiles for itself, byte for byte."""

import json

from fleettrace.catalog import find_tool
from node_agent.backends.bcc.selftest import SELFTEST
from node_agent.backends.bcc.source import tool_source
from tests.vm.image import AGENT_HOME
from tests.vm.objects import compiled_here, guest_kernel
from tests.vm.stage import Stage
from tests.vm.template import Template

TOOL = "offcputime"
_COMPILE = f"""
import json
from pathlib import Path
from fleettrace.catalog import find_tool
from node_agent.backends.bcc import compiler
from node_agent.backends.bcc.object_cache import ObjectCache
from node_agent.backends.bcc.selftest import SELFTEST
from node_agent.backends.bcc.source import tool_source

compiler._TIMEOUT_S = 120  # an emulated CPU, which this machine may give little time
cache = ObjectCache(Path("/run/compiled"))
for source in (SELFTEST, tool_source(find_tool("{TOOL}"))):
    cache.get(source)
print(json.dumps({{path.name: path.read_text() for path in cache.directory.glob("*.json")}}))
"""


def test_both_compile_the_same(template: Template, stage: Stage) -> None:
    assert stage.guest.pull("/sys/kernel/btf/vmlinux") == guest_kernel(template.image).btf_file.read_bytes()
    there = stage.guest.run(f"/{AGENT_HOME}/bin/python -I -", stdin=_COMPILE.encode(), limit_s=150)
    cache = compiled_here(template.image)
    paths = [cache.path_of(source) for source in (SELFTEST, tool_source(find_tool(TOOL)))]
    assert json.loads(there.out) == {path.name: path.read_text() for path in paths}
