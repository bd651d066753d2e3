"""What was found of hosts and histograms."""

from controller.report.json.fields import Document
from fleettrace.model.findings import HistogramReading, ShapeChange, Span, Suspect

__all__ = ["histogram_reading_fields", "shape_fields", "span_fields", "suspect_fields"]


def suspect_fields(suspect: Suspect) -> Document:
    """A host with everything that was measured of how it differs; null: not of this result."""
    rate, blame = suspect.rate, suspect.blame
    return {
        "host": suspect.host,
        "score": suspect.score,
        "verdict": suspect.verdict.value,
        "evidence": suspect.evidence,
        "category": suspect.category,
        "chi_square_z": suspect.chi_square_z,
        "rate": None
        if rate is None
        else {
            "events_per_s": rate.events_per_s,
            "typical_events_per_s": rate.typical_events_per_s,
            "z": rate.z,
            "odd": rate.odd,
        },
        "shape": None if suspect.shape is None else shape_fields(suspect.shape),
        "frames": None if blame is None else {"frame": blame.frame, "caller": blame.caller, "offset": blame.offset},
    }


def shape_fields(shape: ShapeChange) -> Document:
    """How one distribution differs from a typical one."""
    return {
        "unit": shape.unit,
        "octaves": shape.octaves,
        "shift_octaves": shape.shift_octaves,
        "p99": span_fields(shape.p99),
        "typical_p99": span_fields(shape.typical_p99),
        "excess_events": shape.excess_events,
        "excess": None if shape.excess is None else span_fields(shape.excess),
        "above": shape.above,
        "share_above": shape.share_above,
        "typical_above": shape.typical_above,
        "cdf": [{**span_fields(each.bucket), "change": each.change} for each in shape.cdf],
    }


def histogram_reading_fields(reading: HistogramReading) -> Document:
    """Mode, quantiles, tail and humps of one histogram."""
    return {
        "key": dict(reading.key),
        "unit": reading.unit,
        "scheme": reading.scheme,
        "total": reading.total,
        "mode": {**span_fields(reading.mode), "count": reading.mode_count},
        "quantiles": [{"q": q, **span_fields(bucket)} for q, bucket in reading.quantiles],
        "largest": span_fields(reading.largest),
        "tail": None
        if reading.tail_from is None
        else {
            "low": reading.tail_from,
            "count": reading.tail_count,
            "share": reading.tail_count / reading.total if reading.total else 0.0,
        },
        "humps": [
            {
                **span_fields(hump.range),
                "peak": span_fields(hump.peak),
                "weight": hump.weight,
                "gap_octaves": hump.gap_octaves,
            }
            for hump in reading.humps
        ],
    }


def span_fields(span: Span) -> Document:
    """Bounds, both inclusive."""
    return {"low": span[0], "high": span[1]}
