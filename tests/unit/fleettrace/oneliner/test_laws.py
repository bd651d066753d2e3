"""What holds for every program."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleettrace.errors import BadInput, BadProgram
from fleettrace.oneliner import FieldStyle, count_only, describe, parse, printing_numbers, program_text
from fleettrace.oneliner.tree import Program
from fleettrace.oneliner.validate import check_program
from tests.unit.fleettrace.oneliner.strategies import programs

QUICK = settings(max_examples=50)


def accepted(program: Program) -> Program:
    """Only what is within the limits of a whole program."""
    try:
        check_program(program)
        return parse(program_text(program))
    except BadProgram as error:
        assume(not any(limit in str(error) for limit in ("nests deeper", "bytes", "keys of different kinds")))
        raise


@QUICK
@given(programs)
def test_printing_and_parsing_gives_the_tree_again(program: Program) -> None:
    assert accepted(program) == program


@QUICK
@given(programs)
def test_printing_is_canonical(program: Program) -> None:
    text = program_text(accepted(program))
    assert program_text(parse(text)) == text


@QUICK
@given(programs)
def test_both_spellings_of_fields_are_one_tree(program: Program) -> None:
    assert parse(program_text(accepted(program), FieldStyle.DOT)) == program


@QUICK
@given(programs)
def test_the_count_only_program_keeps_every_probe_of_the_system_and_touches_less(program: Program) -> None:
    counting = count_only(accepted(program))
    kept = [point for probe in counting.probes for point in probe.attach]
    assert kept == [point for probe in program.probes for point in probe.attach if not point.kind.is_own]
    facts, all_facts = describe(counting), describe(program)
    assert set(facts.strings_read) <= set(all_facts.strings_read)
    assert printing_numbers(counting) == frozenset()


@settings(max_examples=150)
@given(
    st.text(st.sampled_from(list("kprobe:f{}()@$=;/*\"'\\<>!&|?:.,[]+-~%#0129xaz \n")) | st.characters(), max_size=60)
)
def test_no_text_makes_it_fail_otherwise_than_with_a_sentence(text: str) -> None:
    said = "accepted"
    try:
        parse(text)
    except BadInput as error:
        said = str(error)
    assert said
    assert "\n" not in said
