from controller.analysis.evidence import describe_buckets, describe_category
from controller.analysis.samples import Category, Sample, SampleKind, Trait

US = Trait("c", SampleKind.HISTOGRAM, "us", "log2")
STACKS = Trait("c", SampleKind.STACKS, "samples")
COUNTS = Trait("c", SampleKind.COUNTS, "counts")


def test_a_slower_host_is_told_by_octaves_p99_and_where_the_shares_differ_most() -> None:
    # GIVEN half of the values 8 octaves up: 4 octaves on average
    told = describe_buckets(US, {4: 0.5, 12: 0.5}, {4: 0.98, 5: 0.02}, "the other 4 hosts")
    # the mean index is 8 against 4.02
    assert told == (
        "4.0 octaves longer than the other 4 hosts: p99 in [4096, 8191] us against [32, 63]; "
        "50.0% of its values are above 4095 us against 0.0%"
    )


def test_a_faster_host_is_told_as_shorter_and_other_units_as_higher_or_lower() -> None:
    assert describe_buckets(US, {3: 1.0}, {4: 1.0}, "the others").startswith("1.0 octave shorter than the others: ")
    size = Trait("c", SampleKind.HISTOGRAM, "bytes", "log2")
    assert describe_buckets(size, {9: 1.0}, {4: 1.0}, "the others").startswith("5.0 octaves higher than the others: ")
    assert describe_buckets(size, {3: 1.0}, {4: 1.0}, "the others").startswith("1.0 octave lower than the others: ")


def test_a_host_that_is_partly_slower_and_partly_faster_is_told_as_both() -> None:
    told = describe_buckets(US, {2: 0.5, 6: 0.5}, {4: 1.0}, "the other 9 hosts")
    assert told.startswith("2.0 octaves apart from the other 9 hosts, partly longer and partly shorter: ")


def test_hosts_alike_are_told_as_such_and_never_as_zero_octaves() -> None:
    assert describe_buckets(US, {4: 1.0}, {4: 0.96, 5: 0.04}, "the other host") == "like the other host"
    assert describe_buckets(US, {4: 1.0}, {4: 0.94, 5: 0.06}, "the other host").startswith("0.1 octaves shorter")


def stacks(weights: dict[Category, int], depths: dict[Category, int]) -> Sample:
    return Sample("h", 100, 100, weights, depths=depths)


def test_of_frames_that_are_always_together_the_deepest_is_told() -> None:
    depths: dict[Category, int] = {"main": 0, "serve": 1, "parse": 2, "log": 1}
    own = stacks({"main": 100, "serve": 60, "parse": 60, "log": 40}, depths)
    others = [stacks({"main": 100, "serve": share, "parse": share, "log": 100 - share}, depths) for share in (10, 20)]
    assert describe_category(STACKS, own, others, "serve", "the other 2 hosts") == (
        "parse: 60.0% of its samples against 15.0% on the other 2 hosts"
    )


def test_a_frame_whose_callee_differs_elsewhere_is_told_itself() -> None:
    depths: dict[Category, int] = {"serve": 1, "parse": 2}
    own = stacks({"serve": 60, "parse": 60}, depths)
    others = [stacks({"serve": 10, "parse": 5}, depths)]
    assert describe_category(STACKS, own, others, "serve", "the other host").startswith("serve: 60.0%")


def test_a_key_is_told_by_its_values_also_where_the_host_has_none_of_it() -> None:
    key: Category = (("process", "nginx"), ("syscall", "read"))
    own, other = Sample("h", 100, 100, {(): 100}), Sample("o", 100, 100, {key: 40, (): 60})
    assert describe_category(COUNTS, own, [other], key, "the other host") == (
        "nginx read: 0.0% of its counts against 40.0% on the other host"
    )
    assert describe_category(COUNTS, own, [other], (), "the other host").startswith("(no key): 100.0% of its counts")
