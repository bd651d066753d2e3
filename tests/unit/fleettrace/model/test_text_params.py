import pytest

from fleettrace.catalog import find_tool
from fleettrace.errors import BadParameter

GIVEN = {"binary": "/usr/bin/python3.11", "symbol": "ns::f(int)"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("binary", value) for value in ("python", "/usr/../etc", "/a\nb", "/" + "a" * 1024)),
        *(("symbol", value) for value in ("malloc*", "f?", "1st", "a\x1bb", "a" * 1025)),
    ],
)
def test_text_that_is_not_of_its_form_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadParameter, match=f"funclatency's {name} must be an? ") as refusal:
        find_tool("funclatency").parse_params({**GIVEN, name: value})
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("symbol", ["malloc", "_ZN4shop4sellEi", "shop::sell", "main.main", "~Shop", "operator()"])
def test_names_of_functions(symbol: str) -> None:
    assert find_tool("funclatency").parse_params({**GIVEN, "symbol": symbol})["symbol"] == symbol


def test_a_tool_s_own_text_must_be_given() -> None:
    with pytest.raises(BadParameter, match=r"funclatency needs symbol, a function's exact name, .*: add symbol="):
        find_tool("funclatency").parse_params({"binary": "/usr/bin/python3.11"})
    with pytest.raises(BadParameter, match="usdt's provider must be a word"):
        find_tool("usdt").parse_params({"binary": "/b", "provider": "a:b", "probe": "c"})


def test_where_a_tool_attaches_is_said_with_its_parameters() -> None:
    tool = find_tool("funclatency")
    assert tool.places(tool.resolve_params(GIVEN)) == ("/usr/bin/python3.11:ns::f(int)",)
    assert find_tool("runqlat").places({})[0] == "sched_wakeup"
