from controller.analysis.callees import Blame
from controller.analysis.evidence import change_of_shape, describe_buckets, describe_category, describe_rate
from controller.analysis.rates import Rate
from controller.analysis.samples import Category, Sample, SampleKind, Trait

US = Trait("c", SampleKind.HISTOGRAM, "us", "log2")
STACKS = Trait("c", SampleKind.STACKS, "samples")
COUNTS = Trait("c", SampleKind.COUNTS, "counts")


def told(ours: dict[int, float], theirs: dict[int, float], whom: str, trait: Trait = US, total: int = 1000) -> str:
    return describe_buckets(trait, change_of_shape(trait.scheme, ours, theirs, total), whom)


def test_a_slower_host_is_told_by_octaves_p99_and_where_the_shares_differ_most() -> None:
    # GIVEN half of the 1,000 values 8 octaves up: 4 octaves on average, as the mean index is 8 against 4.02
    assert told({4: 0.5, 12: 0.5}, {4: 0.98, 5: 0.02}, "the other 4 hosts") == (
        "4.0 octaves longer than the other 4 hosts: p99 in [4096, 8191] us against [32, 63]; "
        "50.0% of its values are above 4095 us against 0%; 500 more than usual in 4096-8191 us"
    )


def test_a_faster_host_is_told_as_shorter_and_other_units_as_higher_or_lower() -> None:
    assert told({3: 1.0}, {4: 1.0}, "the others").startswith("1.0 octave shorter than the others: ")
    size = Trait("c", SampleKind.HISTOGRAM, "bytes", "log2")
    assert told({9: 1.0}, {4: 1.0}, "the others", size).startswith("5.0 octaves higher than the others: ")
    assert told({3: 1.0}, {4: 1.0}, "the others", size).startswith("1.0 octave lower than the others: ")


def test_a_host_that_is_partly_slower_and_partly_faster_is_told_as_both() -> None:
    sentence = told({2: 0.5, 6: 0.5}, {4: 1.0}, "the other 9 hosts")
    assert sentence.startswith("2.0 octaves apart from the other 9 hosts, partly longer and partly shorter: ")


def test_hosts_alike_are_told_as_such_and_never_as_zero_octaves() -> None:
    assert told({4: 1.0}, {4: 0.96, 5: 0.04}, "the other host") == "like the other host"
    assert told({4: 1.0}, {4: 0.94, 5: 0.06}, "the other host").startswith("0.1 octaves shorter")


def test_the_change_of_the_cdf_is_told_bucket_by_bucket() -> None:
    change = change_of_shape("log2", {3: 0.5, 5: 0.5}, {3: 0.75, 4: 0.25}, 100)
    assert change.cdf_change == ((3, -0.25), (4, -0.5), (5, 0.0))
    assert (change.gap.size, change.gap.shift) == (0.75, 0.75)
    assert (change.widest_above, change.share_above, change.typical_above) == (31, 0.5, 0.0)


def test_excess_events_are_those_beyond_the_others_p99_that_they_do_not_explain() -> None:
    # GIVEN 10% above what is the others' p99 bucket, of which half a percent is usual
    theirs = {3: 0.995, 7: 0.005}
    change = change_of_shape("log2", {3: 0.9, 7: 0.06, 9: 0.04}, theirs, 10_000)
    # THEN it is 6% + 4% - 0.5% of 10,000, from the first bucket with more than usual to the last
    assert (change.typical_p99, change.excess_events) == (3, 950)
    assert (change.excess_from, change.excess_to) == (128, 1023)


def test_finer_buckets_are_told_with_their_own_bounds() -> None:
    fine = Trait("c", SampleKind.HISTOGRAM, "us", "log2.2")
    # GIVEN buckets [16, 19] and [32, 39] of four an octave: one octave apart
    assert told({16: 1.0}, {12: 1.0}, "the others", fine).startswith(
        "1.0 octave longer than the others: p99 in [32, 39] us against [16, 19]; "
    )


def sample(weights: dict[Category, int]) -> Sample:
    return Sample("h", 100, 100, weights)


def test_a_frame_is_told_with_its_shares() -> None:
    own, others = sample({"parse": 60}), [sample({"parse": share}) for share in (10, 20)]
    assert describe_category(STACKS, own, others, Blame("parse"), "the other 2 hosts") == (
        "parse: 60.0% of its samples against 15.0% on the other 2 hosts"
    )


def test_a_share_of_waits_is_one_of_their_time() -> None:
    own, other = sample({"fsync": 45}), sample({"read": 100})
    waits = Trait("c", SampleKind.STACKS, "us")
    assert describe_category(waits, own, [other], Blame("fsync"), "the other host") == (
        "fsync: 45.0% of its time against 0% on the other host"
    )


def test_a_cost_shift_is_told_with_both_frames_and_their_caller() -> None:
    own, other = sample({"serve": 60, "old": 10, "new": 50}), sample({"serve": 60, "old": 55, "new": 5})
    assert describe_category(STACKS, own, [other], Blame("new", "serve", "old"), "the other host") == (
        "new: 50.0% of its samples against 5.0% on the other host; a cost shift within serve, whose cost is as "
        "elsewhere: old has 10.0% of its samples against 55.0% on the other host"
    )


def test_a_key_is_told_by_its_values_also_where_the_host_has_none_of_it() -> None:
    key: Category = (("process", "nginx"), ("syscall", "read"))
    own, other = Sample("h", 100, 100, {(): 100}), Sample("o", 100, 100, {key: 40, (): 60})
    assert describe_category(COUNTS, own, [other], Blame(key), "the other host") == (
        "nginx read: 0% of its counts against 40.0% on the other host"
    )
    assert describe_category(COUNTS, own, [other], Blame(()), "the other host").startswith("(no key): 100%")


def test_a_rate_is_told_as_a_factor_and_per_second() -> None:
    assert describe_rate(Rate(4000, 500, 9.0)) == "8.0 times the events: 4,000.0 a second against 500.0"
