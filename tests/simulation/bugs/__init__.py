"""Bugs to plant, each in one place of the real code, to prove that the simulation can see them.

Each is put in with ``monkeypatch`` while scenarios run, from seed 0 on, until one breaks.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest

from tests.simulation.bugs import deciding, granting, keeping, linking, sharing, stopping
from tests.simulation.scenario import run_scenario

__all__ = ["BUGS", "Bug", "first_seed_that_sees"]


@dataclass(frozen=True)
class Bug:
    """How it is planted, after how many scenarios it was found when that was measured, and the bound that is held.

    The bound leaves room: any change of the code makes other scenarios of the same seeds.
    """

    plant: Callable[[pytest.MonkeyPatch], None]
    found_after: int
    within: int


def first_seed_that_sees(bug: Bug, seeds: Iterable[int]) -> tuple[int, str] | None:
    """The first of these seeds whose scenario breaks, with what it breaks; None: no scenario sees the bug."""
    with pytest.MonkeyPatch.context() as patch:
        bug.plant(patch)
        for seed in seeds:
            if violations := run_scenario(seed).violations:
                return seed, violations[0]
    return None


BUGS: dict[str, Bug] = {
    plant.__name__: Bug(plant, found_after, within)
    for plant, found_after, within in (
        (deciding.canary_over_budget_passes, 4, 100),
        (deciding.silence_passes, 2, 100),
        (deciding.trials_are_skipped, 1, 100),
        (deciding.trials_that_failed_pass, 21, 100),
        (deciding.every_wave_passes, 2, 100),
        (deciding.waves_do_not_settle, 1, 100),
        (deciding.all_waves_start_at_once, 1, 100),
        (keeping.orders_before_durable, 1, 100),
        (keeping.acknowledged_before_durable, 27, 200),
        (keeping.restart_forgets_jobs, 35, 100),
        (keeping.restart_merges_too_late, 1, 100),
        (keeping.failed_submit_stays, 1, 100),
        (keeping.store_failure_is_not_retried, 10, 500),
        (keeping.repeated_request_is_a_new_job, 1, 100),
        (deciding.decisions_are_dropped, 1, 100),
        (keeping.audit_leaves_out_waves, 1, 100),
        (keeping.audit_leaves_out_the_restart, 9, 100),
        (keeping.audit_is_written_later, 1, 100),
        (keeping.merge_counts_twice, 1, 100),
        (keeping.merge_leaves_out_the_last, 1, 100),
        (keeping.late_parts_are_not_merged, 2, 100),
        (keeping.interim_gets_newer_counters, 2, 100),
        (stopping.cancel_only_marks, 5, 100),
        (stopping.cancel_needs_the_disk, 27, 200),
        (stopping.lost_runs_go_on, 2, 200),
        (stopping.greeted_runs_go_on, 30, 200),
        (stopping.closing_stops_nothing, 281, 500),
        (stopping.lease_never_ends, 48, 200),
        (stopping.stubborn_children_live, 191, 500),
        (stopping.breaker_never_opens, 12, 200),
        (stopping.agent_stretches_the_duration, 26, 200),
        (linking.expired_orders_begin, 62, 200),
        (linking.dead_streams_are_believed, 97, 300),
        (linking.repeated_orders_run_again, 16, 200),
        (linking.new_orders_are_taken_for_lost, 457, 1_000),
        (linking.reconnecting_forgets_parts, 13, 100),
        (linking.bad_parts_cut_the_stream, 21, 100),
        (linking.late_greeting_is_fatal, 10, 500),
        (linking.short_streams_are_redialled_at_once, 6, 100),
        (linking.half_open_streams_live, 54, 500),
        (sharing.every_job_has_room, 12, 100),
        (sharing.measured_jobs_cost_nothing, 12, 100),
        (sharing.jobs_pass_in_the_queue, 33, 200),
        (sharing.incidents_end_incidents, 33, 200),
        (sharing.nobody_looks_at_the_queue, 1, 100),
        (sharing.other_questions_share_a_job, 15, 100),
        (sharing.waves_do_not_wait, 3, 100),
        (sharing.half_of_the_trip_is_forgotten, 1, 200),
        (sharing.dirty_hosts_run, 51, 200),
        (granting.own_word_counts, 20, 100),
        (granting.nobody_is_asked_to_approve, 1, 100),
        (granting.policy_changes_leave_jobs_alone, 268, 500),
        (granting.dry_runs_trace, 26, 300),
        (granting.hosts_are_not_waited_for, 321, 500),
        (granting.restart_ends_what_waits, 35, 300),
    )
}
