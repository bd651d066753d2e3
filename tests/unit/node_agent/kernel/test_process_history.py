from node_agent.kernel.mapping_events import Began, Forked, Mapped
from node_agent.kernel.process_history import ProcessHistory

SHELL, CHILD = 10, 11


def mapped(at_ns: int, tgid: int, start: int, path: str) -> Mapped:
    return Mapped(at_ns, tgid, start, start + 0x1000, 0, f"fd:01:{start}", path)


def paths(history: ProcessHistory, tgid: int, at_ns: int) -> list[str] | None:
    space = history.space_at(tgid, at_ns)
    return None if space is None else [mapping.path for mapping in space.mappings]


def a_shell_that_runs_programs() -> ProcessHistory:
    history = ProcessHistory()
    history.add(
        [
            Began(1, SHELL),
            mapped(2, SHELL, 0x1000, "/bin/sh"),
            Forked(10, CHILD, SHELL),
            mapped(12, CHILD, 0x9000, "//anon"),
            Began(20, CHILD),
            mapped(21, CHILD, 0x1000, "/bin/ls"),
            Began(30, CHILD),
            mapped(31, CHILD, 0x1000, "/bin/cat"),
        ]
    )
    return history


def test_a_sample_belongs_to_the_program_that_ran_then() -> None:
    history = a_shell_that_runs_programs()
    assert paths(history, CHILD, 25) == ["/bin/ls"]
    assert paths(history, CHILD, 1000) == ["/bin/cat"]


def test_before_it_ran_one_a_process_has_what_its_parent_had_and_its_own() -> None:
    history = a_shell_that_runs_programs()
    assert paths(history, CHILD, 15) == ["/bin/sh", ""]
    assert (history.parent_at(CHILD, 15), history.parent_at(CHILD, 25)) == (SHELL, 0)


def test_what_nobody_saw_begin_is_not_guessed() -> None:
    history = ProcessHistory()
    history.add([mapped(5, 77, 0x1000, "/lib/later.so"), Forked(6, 78, 77)])
    assert paths(history, 77, 9) is None, "what it had mapped before is missing"
    assert paths(history, 78, 9) is None
    assert history.parent_at(78, 9) == 77, "who may still be there to ask"


def test_a_number_that_is_used_again_is_another_process() -> None:
    history = a_shell_that_runs_programs()
    history.add([Forked(50, CHILD, 99)])
    assert paths(history, CHILD, 60) is None


def test_it_is_bounded() -> None:
    history = ProcessHistory()
    history.add(
        event for tgid in range(1, 9000) for event in (Began(tgid, tgid), mapped(tgid, tgid, 0x1000, "/bin/true"))
    )
    assert paths(history, 1, 9999) is None
    assert paths(history, 8999, 9999) == ["/bin/true"]
    history.add(mapped(10_000 + n, 8999, n << 12, "/bin/true") for n in range(1, 5000))
    assert len(paths(history, 8999, 99_999) or ()) <= 1024
