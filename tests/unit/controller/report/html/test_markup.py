"""Markup is what calls made; everything else is text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.report.html.markup import joined, sentence, tag, visible
from controller.report.html.page import data_element, page


def test_children_and_attributes() -> None:
    made = tag("a", "x < y", tag("b", "bold"), href="#", class_="note", data_row=3.5, title=None)

    assert made == '<a href="#" class="note" data-row="3.5">x &lt; y<b>bold</b></a>'


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.values: list[str | None] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(name)
        self.values += [value for _, value in attributes]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_is_read_back_as_text(text: str) -> None:
    reader = Reader()
    reader.feed(tag("p", text, title=text))
    reader.close()

    assert reader.tags == ["p"]
    assert reader.text == visible(text)
    assert reader.values == [visible(text)]


def test_what_cannot_be_seen_is_shown_by_its_number() -> None:
    assert visible("a\u202eb\x00c\udcffd\n") == r"a\u202eb\x00c\udcffd\x0a"
    assert visible("東京 🔥") == "東京 🔥"


@given(st.text())
def test_data_cannot_end_their_element(text: str) -> None:
    element = data_element("data", {"text": text, "evil": "</script><!--<script>"})

    inside = element.removeprefix('<script type="application/json" id="data">').removesuffix("</script>")
    assert "<" not in inside
    assert inside.isascii()


def test_a_page_lets_nothing_load_and_runs_its_own_scripts_alone() -> None:
    text = page("title & more", [tag("p", "body")])

    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert "unsafe" not in text
    assert "http://" not in text
    assert "https://" not in text
    assert "<title>title &amp; more</title>" in text
    assert joined("a", tag("b")) == "a<b></b>"


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            "p99 in [2048, 4095] us against [64, 127]",
            'p99 in <span class="range">[2048, 4095] us</span> against <span class="range">[64, 127]</span>',
        ),
        (
            "the waits sit in 4.1-32.8 ms; api-2-3 too",
            'the waits sit in <span class="range">4.1-32.8 ms</span>; api-2-3 too',
        ),
        ("[<b>] is [python3.11+0x1]", "[&lt;b&gt;] is [python3.11+0x1]"),
    ],
)
def test_ranges_of_a_sentence_stay_on_one_line(text: str, made: str) -> None:
    assert sentence(text) == made
