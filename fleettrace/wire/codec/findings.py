"""What was found of hosts and histograms on the wire."""

from fleettrace.errors import Malformed
from fleettrace.model.findings import (
    CdfChange,
    FrameBlame,
    HistogramReading,
    HostVerdict,
    Hump,
    RateChange,
    ShapeChange,
    Span,
    Suspect,
)
from fleettrace.wire.codec.fields import parse_amount, parse_choice, parse_finite, parse_host_name, wire_text
from fleettrace.wire.codec.snapshots import key_from_wire, key_to_wire
from fleettrace.wire.v1 import control_pb2 as control

__all__ = ["histogram_reading_from_wire", "histogram_reading_to_wire", "suspect_from_wire", "suspect_to_wire"]


def suspect_to_wire(suspect: Suspect) -> control.Suspect:
    """What is said of one host."""
    rate, blame = suspect.rate, suspect.blame
    return control.Suspect(
        host=suspect.host,
        score=suspect.score,
        verdict=suspect.verdict.value,
        evidence=wire_text(suspect.evidence),
        category=wire_text(suspect.category),
        chi_square_z=suspect.chi_square_z,
        rate=control.RateChange(
            events_per_s=rate.events_per_s, typical_events_per_s=rate.typical_events_per_s, z=rate.z, odd=rate.odd
        )
        if rate is not None
        else None,
        shape=_shape_to_wire(suspect.shape) if suspect.shape is not None else None,
        blame=control.FrameBlame(
            frame=wire_text(blame.frame), caller=wire_text(blame.caller), offset=wire_text(blame.offset)
        )
        if blame is not None
        else None,
    )


def suspect_from_wire(message: control.Suspect) -> Suspect:
    """Raises :class:`Malformed` for a bad host name, a number that is none, or an unknown verdict."""
    return Suspect(
        host=parse_host_name(message.host),
        score=parse_finite(message.score, "score of a host"),
        verdict=parse_choice(HostVerdict, message.verdict, "verdict on a host"),
        evidence=message.evidence,
        category=message.category,
        chi_square_z=parse_finite(message.chi_square_z, "chi-square deviate"),
        rate=_rate_from_wire(message.rate) if message.HasField("rate") else None,
        shape=_shape_from_wire(message.shape) if message.HasField("shape") else None,
        blame=FrameBlame(message.blame.frame, message.blame.caller, message.blame.offset)
        if message.HasField("blame")
        else None,
    )


def histogram_reading_to_wire(reading: HistogramReading) -> control.HistogramReading:
    """What a histogram says."""
    return control.HistogramReading(
        key=key_to_wire(reading.key),
        unit=reading.unit,
        scheme=reading.scheme,
        total=reading.total,
        mode=_span_to_wire(reading.mode),
        mode_count=reading.mode_count,
        quantiles=[control.Quantile(q=q, bucket=_span_to_wire(bucket)) for q, bucket in reading.quantiles],
        largest=_span_to_wire(reading.largest),
        tail_from=reading.tail_from or 0,
        tail_count=reading.tail_count,
        humps=[
            control.Hump(
                peak=_span_to_wire(hump.peak),
                range=_span_to_wire(hump.range),
                weight=hump.weight,
                gap_octaves=hump.gap_octaves,
            )
            for hump in reading.humps
        ],
    )


def histogram_reading_from_wire(message: control.HistogramReading) -> HistogramReading:
    """Raises :class:`Malformed` for bounds in the wrong order and numbers that are none."""
    return HistogramReading(
        key=key_from_wire(message.key),
        unit=message.unit,
        scheme=message.scheme,
        total=message.total,
        mode=_span_from_wire(message.mode),
        mode_count=message.mode_count,
        quantiles=tuple((parse_amount(each.q, "quantile"), _span_from_wire(each.bucket)) for each in message.quantiles),
        largest=_span_from_wire(message.largest),
        tail_from=message.tail_from if message.tail_count else None,
        tail_count=message.tail_count,
        humps=tuple(
            Hump(
                _span_from_wire(hump.peak),
                _span_from_wire(hump.range),
                parse_amount(hump.weight, "hump's weight"),
                hump.gap_octaves,
            )
            for hump in message.humps
        ),
    )


def _rate_from_wire(message: control.RateChange) -> RateChange:
    return RateChange(
        events_per_s=parse_amount(message.events_per_s, "rate of events"),
        typical_events_per_s=parse_amount(message.typical_events_per_s, "typical rate of events"),
        z=parse_finite(message.z, "rate's deviate"),
        odd=message.odd,
    )


def _shape_to_wire(shape: ShapeChange) -> control.ShapeChange:
    return control.ShapeChange(
        unit=shape.unit,
        octaves=shape.octaves,
        shift_octaves=shape.shift_octaves,
        p99=_span_to_wire(shape.p99),
        typical_p99=_span_to_wire(shape.typical_p99),
        excess_events=shape.excess_events,
        excess=_span_to_wire(shape.excess) if shape.excess is not None else None,
        above=shape.above,
        share_above=shape.share_above,
        typical_above=shape.typical_above,
        cdf=[control.CdfChange(bucket=_span_to_wire(each.bucket), change=each.change) for each in shape.cdf],
    )


def _shape_from_wire(message: control.ShapeChange) -> ShapeChange:
    return ShapeChange(
        unit=message.unit,
        octaves=parse_amount(message.octaves, "distance in octaves"),
        shift_octaves=parse_finite(message.shift_octaves, "shift in octaves"),
        p99=_span_from_wire(message.p99),
        typical_p99=_span_from_wire(message.typical_p99),
        excess_events=message.excess_events,
        excess=_span_from_wire(message.excess) if message.HasField("excess") else None,
        above=message.above,
        share_above=parse_amount(message.share_above, "share above a bound"),
        typical_above=parse_amount(message.typical_above, "typical share above a bound"),
        cdf=tuple(
            CdfChange(_span_from_wire(each.bucket), parse_finite(each.change, "change of a share"))
            for each in message.cdf
        ),
    )


def _span_to_wire(span: Span) -> control.Span:
    return control.Span(low=span[0], high=span[1])


def _span_from_wire(message: control.Span) -> Span:
    if message.low > message.high:
        raise Malformed(f"a bucket from {message.low} to {message.high} holds nothing")
    return message.low, message.high
