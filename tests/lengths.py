"""Which tests are long: those that `make test` leaves to `make test-long`, so that it stays a matter of minutes.

A test is here because one run of it takes ten seconds or more on a machine that does something else as well, and
because `make test` looks at the same subject in a shorter way: with fewer clients, kills or orders, on one of the two
backends, or in one process. A test that decides its size asks for `length`.
"""

from typing import Literal

import pytest

Length = Literal["short", "full"]

LONG: dict[str, dict[str, str]] = {
    # file -> test -> what its parameters must contain, "" for all of them
    "tests/agent/test_commands.py": {"test_an_agent_killed_at_any_moment_is_taken_up_by_the_next_run": ""},
    "tests/app/test_fuzz.py": {"test_whatever_is_sent_the_answer_is_modelled_and_nothing_breaks": ""},
    "tests/app/test_moving_faults.py": {
        "test_what_is_away_for_a_moment_is_waited_for": "",
        "test_what_stays_away_ends_the_move_and_the_source_takes_changes": "",
    },
    "tests/app/test_moving_interrupted.py": {
        "test_wherever_it_is_stopped_the_source_goes_on_and_so_does_the_move": "",
        "test_a_flipped_byte_in_what_was_copied_is_found_and_copied_anew": "",
    },
    "tests/app/test_moving_killed.py": {"test_a_move_that_is_killed_again_and_again_arrives": ""},
    "tests/app/test_moving_online.py": {"test_readers_go_on_and_writers_are_told": ""},
    "tests/catalog/test_postgres_lost_commits.py": {
        "test_many_threads_over_a_network_that_breaks_all_the_time_lose_and_repeat_nothing": "",
        "test_a_database_that_crashes_again_and_again_while_others_write_too_loses_and_repeats_nothing": "",
        "test_a_database_that_stays_away_after_the_commit_was_sent_leaves_its_outcome_open": "",
    },
    "tests/catalog/test_postgres_outages.py": {
        "test_a_crowd_over_every_kind_of_network_in_turn_is_never_answered_wrongly": "",
    },
    "tests/chunks/test_kill.py": {"test_a_writer_killed_two_dozen_times_loses_nothing_it_acknowledged": ""},
    "tests/keys/test_power_cuts.py": {"test_no_key_that_was_ever_used_is_lost": ""},
    "tests/keys/test_rotation.py": {"test_wherever_the_disk_fails_every_key_is_there_afterwards": ""},
    "tests/service/test_broken_uploads.py": {
        "test_an_upload_that_dies_at_any_byte_leaves_the_other_one_of_the_same_chunk_whole": "",
    },
    "tests/service/test_memory.py": {"test_memory_stays_bounded_while_64_clients_push_8_mib_chunks": ""},
    "tests/service/test_workers.py": {
        "test_many_clients_write_and_read_through_all_of_them": "3",
        "test_a_worker_that_is_killed_again_and_again_loses_nothing_and_stops_nobody": "",
        "test_a_worker_that_is_stopped_holds_nobody_up_for_long": "shared",
        "test_workers_end_with_a_supervisor_that_is_killed_and_the_next_service_has_everything": "shared",
    },
    "tests/torture/test_cluster.py": {
        "test_three_nodes_under_attack_lose_nothing_and_every_client_gets_through": "",
    },
    "tests/torture/test_crash_states.py": {"test_whatever_a_power_cut_leaves_holds_what_was_acknowledged": ""},
    "tests/torture/test_kills.py": {
        "test_a_store_that_is_killed_again_and_again_keeps_everything_it_acknowledged": "",
        "test_a_shared_store_whose_nodes_are_killed_again_and_again_keeps_everything_it_acknowledged": "",
    },
    "tests/torture/test_model.py": {
        "test_random_steps_leave_the_service_and_the_dictionary_alike": "",
        "test_a_kill_at_any_moment_leaves_all_or_nothing_of_a_request": "",
    },
    "tests/torture/test_power_cuts.py": {
        "test_a_store_whose_power_is_cut_again_and_again_keeps_everything_it_acknowledged": "",
    },
    "tests/torture/test_saboteurs.py": {"test_a_saboteur_is_caught_and_leaves_no_trace": ""},
    "tests/torture/test_syscalls.py": {
        "test_a_store_whose_system_calls_fail_here_and_there_loses_nothing_and_works_on": "",
    },
    "tests/upkeep/test_interleavings.py": {
        "test_no_order_with_few_interruptions_loses_a_byte": "-1-",
        "test_no_order_by_chance_loses_a_byte": "shared",
    },
}

BUILT = ("tests/interop/test_aws_cli.py", "tests/interop/test_kms.py", "tests/interop/test_typed_sdks.py")
"""Whole files whose clients take minutes to install or to compile the first time."""

ON_SERVERS = tuple(f"tests/{floor}/" for floor in ("agent", "records", "service", "torture", "upkeep"))
"""Above the ports, a test knows no database and no bucket. What those do by themselves is tested where they are
(`catalog`, `blobs`, `chunks`, `concurrency`, `dataplane`, `controlplane`); here the second run of a test is long."""

BOTH = (pytest.param("short"), pytest.param("full", marks=pytest.mark.long))
"""Parameters of `length`."""


def mark_long(item: pytest.Item) -> None:
    """Gives `item` the mark `long` where the table names it."""
    place, _, rest = item.nodeid.partition("::")
    name, _, parameters = rest.partition("[")
    wanted = LONG.get(place, {}).get(name)
    is_named = wanted is not None and wanted in parameters
    if (
        is_named
        or place in BUILT
        or (place.startswith(ON_SERVERS) and "shared" in parameters and "short" not in parameters)
    ):
        item.add_marker(pytest.mark.long)
