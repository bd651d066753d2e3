"""Tables of counts."""

from controller.report.text.counts import render_counts
from fleettrace.snapshot import Count
from tests.unit.controller.report.rendering import rendered


def test_counts_of_several_maps_have_a_table_each() -> None:
    counts = tuple(
        Count((("map", name), ("comm", comm)), number)
        for name, comm, number in (("@closed", "a", 3), ("@opened", "a", 5), ("@opened", "b", 5))
    )

    shown = rendered(render_counts(counts, "All hosts"))

    assert "All hosts, @closed: 3 events, 1 key" in shown
    assert "All hosts, @opened: 10 events, 2 keys" in shown
    assert "map" not in shown
    assert shown.count("50.0%") == 2
