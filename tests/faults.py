"""Faults and loads that the broker has to stand, each with the tests that show that it does.

R1 to R35 are those of the project's catalogue. What no test shows stands in ``NOT_SHOWN``.
"""

from tests.threats import Row

FAULTS: dict[str, Row] = {
    "R1": Row(
        "a node is killed under load",
        "every answer that was given has exactly one record",
        (
            "stories/test_processes.py::test_every_answer_given_before_a_kill_is_recorded_and_none_twice",
            "contract/test_storage_faults.py::test_after_kill_9_every_check_that_was_answered_is_there_and_whole",
        ),
    ),
    "R2": Row(
        "the database is killed",
        "503 while it is away, and every settled check afterwards",
        ("contract/test_storage_faults.py::test_a_server_killed_and_started_again_has_every_settled_check",),
    ),
    "R3": Row(
        "the disk is full",
        "no part of a record is left",
        ("contract/test_storage_faults.py::test_no_room_for_the_record_is_unrecorded_and_leaves_no_part_of_it",),
    ),
    "R4": Row(
        "the database becomes read-only",
        "no decision, and well again afterwards",
        ("contract/test_storage_faults.py::test_a_read_only_session_is_unrecorded_and_replaced",),
    ),
    "R5": Row(
        "an operator in a brown-out",
        "left alone, heard again, and nobody else feels it",
        (
            "unit/operators/test_chaos.py::test_r5_a_brown_out_of_two_minutes_is_noticed_and_forgotten_and_nobody_else_feels_it",
            "stories/test_faults.py::test_a_browned_out_operator_is_left_alone_and_the_other_keeps_working",
        ),
    ),
    "R6": Row(
        "half of the operators silent",
        "tasks and memory are bounded, their customers are decided by the matrix, others as ever",
        (
            "unit/operators/test_chaos.py::test_r6_with_half_of_the_operators_silent_tasks_and_memory_are_bounded",
            "stories/test_faults.py::test_with_half_of_the_operators_silent_theirs_are_decided_by_the_matrix_and_others_as_ever",
        ),
    ),
    "R7": Row(
        "all operators down",
        "each class is decided by the matrix, and nothing that matters is allowed",
        ("stories/test_faults.py::test_with_every_operator_down_nothing_that_matters_is_allowed",),
    ),
    "R8": Row(
        "a flapping operator",
        "its breaker moves seldom, with few retries",
        ("unit/operators/test_chaos.py::test_r8_a_flapping_operator_moves_its_breaker_seldom_and_gets_few_retries",),
    ),
    "R9": Row(
        "a herd about one person",
        "one call for each API, all answered",
        (
            "stories/test_faults.py::test_a_herd_costs_one_call_for_each_api",
            "unit/signals/test_single_flight.py::test_a_thousand_checks_of_one_subject_cost_one_call_for_each_api",
        ),
    ),
    "R10": Row(
        "a storm of retries",
        "as T25",
        ("stories/test_oracle.py::test_one_that_storms_is_told_to_wait_and_the_others_are_served",),
    ),
    "R12": Row(
        "slow senders",
        "cut off, however they dribble",
        ("unit/surfaces/test_server.py::test_a_sender_that_takes_for_good_is_cut_off",),
    ),
    "R13": Row(
        "clocks jump",
        "as T17",
        ("stories/test_clock_jumps.py::test_under_load_no_age_is_negative_and_the_log_stays_in_order",),
    ),
    "R14": Row(
        "a restart under load",
        "what is under way is finished",
        ("stories/test_processes.py::test_a_stop_finishes_what_is_under_way",),
    ),
    "R15": Row(
        "two nodes that write at once",
        "one log and one use of a receipt",
        (
            "contract/test_log.py::test_two_nodes_that_write_and_sequence_at_once_make_one_log",
            "contract/test_receipt_ends.py::test_of_two_hundred_at_once_on_two_nodes_exactly_one_is_first",
        ),
    ),
    "R16": Row(
        "keys are rotated under load",
        "no request fails, and what was signed or sealed before is good",
        (
            "stories/test_signing_keys.py::test_a_rotation_under_load_fails_no_request_and_every_receipt_verifies",
            "contract/test_token_faults.py::test_a_client_key_is_rotated_under_load_without_a_failure",
            "stories/test_webhooks.py::test_a_secret_changes_over_without_a_gap",
            "contract/test_vault.py::test_a_running_node_goes_over_to_the_new_key_and_the_old_one_is_forgotten",
            "stories/test_signing_keys.py::test_the_logs_key_changes_under_load_and_what_a_thief_signs_with_the_old_one_is_refused",
            "stories/test_signing_keys.py::test_root_and_tenant_keys_change_under_load_and_nobody_notices",
            "contract/test_root_keys.py::test_a_vault_moves_from_its_file_into_the_service_without_a_payload_touched",
        ),
    ),
    "R17": Row(
        "a backup is put back",
        "an older log is not signed on, and who was erased is erased again",
        (
            "contract/test_log.py::test_a_database_from_yesterday_is_not_signed_on",
            "contract/test_erasure.py::test_a_backup_from_before_is_erased_again_when_it_is_restored",
        ),
    ),
    "R19": Row(
        "another schema",
        "migrations go from nothing and again; another or newer schema is not opened",
        (
            "contract/test_storage_migrations.py::test_from_nothing_and_again",
            "contract/test_storage_migrations.py::test_another_schema_is_not_opened",
            "contract/test_storage_migrations.py::test_a_newer_schema_is_not_downgraded",
        ),
    ),
    "R20": Row(
        "receivers of webhooks in trouble",
        "the schedule is kept, nothing is followed, 410 ends it, nobody else waits",
        (
            "stories/test_webhooks.py::test_it_is_tried_again_with_the_same_id_until_it_arrives",
            "stories/test_webhooks.py::test_a_receiver_that_is_gone_is_left_alone",
            "stories/test_webhooks.py::test_one_that_hangs_keeps_no_other_waiting",
        ),
    ),
    "R21": Row(
        "a crash between sending and noting it",
        "sent again under the same id, never lost",
        ("contract/test_storage_events.py::test_a_node_that_died_loses_what_it_held_and_cannot_mark_it_any_more",),
    ),
    "R23": Row(
        "damaged answers of operators",
        "refused with a type, never clean",
        (
            "unit/operators/test_mutated_bodies.py::test_a_damaged_answer_never_crashes_and_never_looks_clean",
            "unit/operators/test_mutated_bodies.py::test_no_api_crashes_on_damage_or_believes_what_others_refuse",
        ),
    ),
    "R24": Row(
        "requests drawn from the contract",
        "no 5xx, every refusal as published",
        (
            "stories/test_contract_fuzz.py::test_no_request_makes_the_broker_fail",
            "stories/test_contract_fuzz.py::test_ten_thousand_requests_do_not_either",
        ),
    ),
    "R25": Row(
        "all threats above",
        "none without a test",
        ("architecture/test_threats.py::test_every_threat_and_fault_is_accounted_for",),
    ),
    "R26": Row(
        "two parsers that disagree",
        "malformed",
        ("unit/operators/test_mutated_bodies.py::test_no_api_crashes_on_damage_or_believes_what_others_refuse",),
    ),
    "R27": Row(
        "claims and leases at once",
        "the store agrees with its model",
        ("contract/test_storage_begin.py::test_the_store_agrees_with_the_model",),
    ),
    "R29": Row(
        "somebody is erased",
        "readable nowhere, backups included; the log verifies still",
        (
            "contract/test_erasure.py::test_an_erased_person_is_readable_nowhere_and_others_are",
            "contract/test_erasure.py::test_no_trace_of_a_destroyed_key_stays_in_the_file",
            "contract/test_erasure.py::test_a_backup_from_before_is_erased_again_when_it_is_restored",
            "stories/test_erasure.py::test_an_erased_person_is_gone_from_every_node_and_may_come_back",
        ),
    ),
    "R30": Row(
        "latencies with a heavy tail",
        "deadlines hold",
        ("unit/operators/test_chaos.py::test_r30_deadlines_hold_whatever_the_tail",),
    ),
    "R31": Row(
        "a locked database",
        "a bounded wait, then 503",
        (
            "contract/test_storage_faults.py::test_a_locked_database_is_unrecorded_within_the_bounded_wait_and_then_well",
            "stories/test_record.py::test_a_check_waits_for_the_database_no_longer_than_its_deadline",
        ),
    ),
    "R32": Row(
        "huge bodies",
        "memory does not grow with them",
        ("stories/test_hostile.py::test_an_attack_at_every_api_is_a_typed_reason",),
    ),
    "R33": Row(
        "names that do not resolve, or slowly",
        "a failed connection, in time",
        (
            "stories/test_faults.py::test_an_operator_that_cannot_be_reached_is_a_typed_reason_and_then_left_alone",
            "unit/adapter_kit/test_tls.py::test_a_name_that_does_not_resolve_is_a_failure_to_connect",
            "unit/adapter_kit/test_tls.py::test_names_that_resolve_slowly_cost_no_more_than_the_call_has",
        ),
    ),
    "R34": Row(
        "TLS in trouble",
        "refused with a type, in time",
        (
            "unit/adapter_kit/test_tls.py::test_an_expired_certificate_is_refused",
            "unit/adapter_kit/test_tls.py::test_a_certificate_for_another_address_is_refused",
            "unit/adapter_kit/test_tls.py::test_a_certificate_that_vouches_for_itself_is_refused",
            "unit/adapter_kit/test_tls.py::test_a_certificate_of_an_authority_that_we_do_not_trust_is_refused",
            "unit/adapter_kit/test_tls.py::test_a_server_that_speaks_only_what_is_broken_is_refused",
            "unit/adapter_kit/test_tls.py::test_a_handshake_that_stalls_costs_no_more_than_the_call_has",
        ),
    ),
    "R35": Row(
        "policies that are damaged or older",
        "refused; a stricter one is not undone by an older one",
        (
            "stories/test_policies.py::test_versions_never_change",
            "stories/test_policies.py::test_a_stricter_version_is_not_undone_by_a_looser_one_that_waited",
            "unit/test_governance.py::test_a_clock_that_is_put_back_brings_back_nothing",
        ),
    ),
}

NOT_SHOWN = {
    "R11": "five times the load is measured (tests/bench, RESULTS.md) and not judged by a test",
    "R18": "there is no tool that moves a SQLite database to PostgreSQL",
    "R22": "nothing has run for eight hours",
    "R28": "mutants are no test: they take longer than the suite",
}
