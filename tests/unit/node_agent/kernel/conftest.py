from pathlib import Path

import pytest

from tests.compiled import compile_c

FUNCTIONS = """
#include <string.h>
__attribute__((noinline, noclone)) int handle_request(int n) { __asm__ volatile(""); return n + 1; }
__attribute__((noinline, noclone)) static int handle_reply(int n) { __asm__ volatile(""); return n + 2; }
static int chosen(int n) { return n; }
static int (*choose(void))(int) { return chosen; }
int dispatched(int) __attribute__((ifunc("choose")));
int main(int argc, char **argv) { return handle_request(argc) + handle_reply(argc) + dispatched(argc); }
"""

PROBES = """
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
__extension__ unsigned short shop_opened_semaphore __attribute__((section(".probes")));
__extension__ unsigned short shop_sold_semaphore __attribute__((section(".probes")));
int main(int argc, char **argv)
{
    DTRACE_PROBE(shop, opened);
    DTRACE_PROBE3(shop, sold, argc, (long)argc * 2, (short)-5);
    DTRACE_PROBE3(shop, sold, argc, 7L, (short)9);
    return 0;
}
"""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with functions of known names."""
    return compile_c(tmp_path_factory.mktemp("program") / "server", FUNCTIONS)


@pytest.fixture(scope="session")
def probed_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with USDT probes."""
    return compile_c(tmp_path_factory.mktemp("probed") / "shop", PROBES)
