"""The known traps and version bridges of CAMARA, each with the tests that hold it; one that is gone leaves a hole."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
KIT = "unit/adapter_kit"
MOCK = "contract/test_mock_operator"
TRAPS: dict[str, tuple[str, ...]] = {
    "null is not never swapped, a date is not a swap, a window covers itself only": (
        f"{KIT}/test_swaps.py::test_null_with_a_period_says_not_within_it_and_nothing_of_before",
        f"{KIT}/test_swaps.py::test_null_without_a_period_says_nothing",
        f"{KIT}/test_swaps.py::test_the_widest_window_is_in_whole_hours_within_the_operators_limit",
        "unit/domain/test_sim_story.py::test_each_story",
    ),
    "hours, seconds and days": (
        f"{KIT}/test_swaps.py::test_the_widest_window_is_in_whole_hours_within_the_operators_limit",
        f"{KIT}/test_swaps.py::test_null_with_a_period_says_not_within_it_and_nothing_of_before",
        f"{KIT}/test_other_apis.py::test_maximum_age_is_always_sent_in_seconds",
    ),
    "the default maxAge may be refused": (
        f"{KIT}/test_swaps.py::test_out_of_range_shrinks_once_and_the_window_says_so",
        f"{KIT}/test_swaps.py::test_out_of_range_twice_is_not_applicable",
    ),
    "without monitoredPeriod the window is unknown": (
        f"{KIT}/test_swaps.py::test_null_without_a_period_is_asked_again_as_a_window_which_has_a_bound",
        f"{KIT}/test_swaps.py::test_a_tiny_period_is_told_as_it_is",
    ),
    "booleans that are texts": (
        f"{KIT}/test_other_apis.py::test_a_result_is_read_by_its_word",
        f"{KIT}/test_kyc.py::test_age_is_read_by_its_word",
        f"{KIT}/test_kyc.py::test_other_words_and_scores_are_malformed",
        f"{KIT}/test_swaps.py::test_a_lax_boolean_is_malformed",
        f"{KIT}/test_other_apis.py::test_possession_takes_no_lax_boolean",
    ),
    "an unknown number is usually at another operator": (
        f"{KIT}/test_swaps.py::test_an_unknown_number_is_told_in_the_words_of_the_release_and_not_asked_again",
        f"{KIT}/test_camara_errors.py::test_every_row_of_the_common_table_and_its_older_words",
    ),
    "SERVICE_NOT_APPLICABLE hides several causes": (
        f"{KIT}/test_camara_errors.py::test_every_row_of_the_common_table_and_its_older_words",
    ),
    "no data looks different in each API": (
        "stories/test_lines.py::test_a_number_without_a_sim_has_no_age_of_anything_whatever_the_api_calls_that",
        f"{KIT}/test_age_band.py::test_an_undeterminable_band_is_no_age",
        f"{KIT}/test_line_history.py::test_a_day_beyond_the_operators_memory_is_not_answered",
    ),
    "PARTIAL with a rate is no probability": (
        f"{KIT}/test_other_apis.py::test_a_result_is_read_by_its_word",
        f"{KIT}/test_other_apis.py::test_a_small_circle_is_raised_to_what_may_be_asked",
    ),
    "zones": (
        f"{KIT}/test_swaps.py::test_a_date_is_an_age_with_two_equal_ends",
        f"{KIT}/test_line_history.py::test_the_newest_day_asked_about_is_yesterday",
        f"{KIT}/test_line_history.py::test_no_beginning_is_claimed_that_another_zone_would_deny",
    ),
    "port-in, new contract and recycling look like a swap": (
        "unit/domain/test_sim_story.py::test_each_story",
        "unit/domain/test_sim_story.py::test_a_swap_after_the_contract_is_never_explained_away",
        "stories/test_lines.py::test_a_fresh_sim_is_told_from_a_takeover",
        "stories/test_lines.py::test_a_swap_after_a_port_in_is_a_swap",
    ),
    "the identifier rule follows the token": (
        f"{KIT}/test_line.py::test_the_body_names_the_subject_by_the_kind_of_token_or_as_the_operator_wants",
        f"{KIT}/test_line.py::test_the_oldest_releases_name_the_subject_whatever_the_token",
    ),
    "feature files contradict definitions": (
        f"{KIT}/test_other_apis.py::test_forwarding_without_a_boolean_is_malformed",
        "contract/test_request_bodies.py::test_a_question_fits_its_definition_and_adds_nothing",
    ),
    "error examples that are no codes": (
        f"{KIT}/test_bridges.py::test_codes_that_are_in_examples_only_do_not_break_anything",
        f"{KIT}/test_instruments.py::test_a_call_that_was_not_announced_says_why",
        f"{KIT}/test_camara_errors.py::test_status_first_then_code_then_other",
    ),
    "429 has two meanings": (
        "unit/operators/test_guards.py::test_one_retry_where_it_can_help",
        "unit/operators/test_guards.py::test_a_429_pauses_its_api_and_longer_each_time",
    ),
    "every question costs": (
        f"{KIT}/test_line.py::test_nothing_else_is_tried_again",
        f"{KIT}/test_line_history.py::test_a_young_tenure_is_narrowed_to_its_day_with_few_questions",
    ),
    "consent can go between token and call": (
        f"{KIT}/test_camara_errors.py::test_every_row_of_the_common_table_and_its_older_words",
        f"{KIT}/test_instruments.py::test_a_no_and_a_yes_that_is_over_permit_nothing",
    ),
    "operators deviate": (
        f"{KIT}/test_conformance.py::test_every_adapter_that_can_be_asked_passes",
        "contract/test_mock_operator_deviations.py::test_a_habit_is_absorbed_by_its_key_and_without_it_unavailable",
    ),
    "strict requests, tolerant answers": (
        "contract/test_request_bodies.py::test_a_question_fits_its_definition_and_adds_nothing",
        "contract/test_request_bodies.py::test_an_order_fits_its_definition_and_adds_nothing",
        f"{KIT}/test_wire.py::test_members_that_we_do_not_know_are_ignored_and_equal_names_in_different_objects_are_fine",
    ),
    "answers without a time of their own": (
        f"{KIT}/test_manifest_adapter.py::test_every_signal_of_the_modern_operator_is_observed",
        f"{KIT}/test_device_apis.py::test_the_time_is_required_since_1_1",
    ),
    "the age band's sentinel is no band": (
        f"{KIT}/test_age_band.py::test_never_covers_what_the_manifest_declares_and_no_more",
        f"{KIT}/test_age_band.py::test_any_other_number_is_malformed_the_sentinels_of_drafts_too",
    ),
    # The next two are about subscriptions, which the kit does not order; the pretend operator serves them.
    "an event has a placeholder among its types": (
        f"{MOCK}_subscriptions.py::test_what_happens_is_told_as_the_definition_has_it",
    ),
    "a token's end ends its subscription": (
        f"{MOCK}_subscriptions.py::test_what_happens_before_the_end_is_told_and_what_happens_after_it_is_not",
    ),
    "definitions share files by reference": (
        "camara/test_contract.py::test_what_files_share_by_reference_is_read_where_it_stands",
        "camara/test_contract.py::test_nothing_outside_the_project_of_a_definition_is_read",
    ),
}
NOT_HERE = {"dual SIM": "which SIM a swap date belongs to cannot be seen from an answer"}
BRIDGES: dict[str, tuple[str, ...]] = {
    "sim-swap-subscriptions": (f"{MOCK}_subscriptions.py::test_what_happens_is_told_as_the_definition_has_it",),
    "sim-swap": (
        f"{KIT}/test_swaps.py::test_an_absent_date_says_nothing_where_it_may_be_absent_and_is_malformed_elsewhere",
        f"{KIT}/test_swaps.py::test_a_missing_path_falls_back_to_windows",
        f"{KIT}/test_age_band.py::test_an_operator_of_the_same_url_without_bands_is_asked_for_windows",
        f"{KIT}/test_line.py::test_the_number_is_written_as_the_operator_wants",
    ),
    "number-verification": (
        f"{KIT}/test_bridges.py::test_the_scopes_of_number_verification_had_no_colons_at_first",
        f"{KIT}/test_bridges.py::test_a_number_is_claimed_in_clear_or_as_a_hash_never_both",
        f"{KIT}/test_bridges.py::test_possession_is_proven_by_the_sim_in_every_release_and_by_its_token_since_2",
    ),
    "location-verification": (
        f"{KIT}/test_other_apis.py::test_whole_metres_and_a_maximum_before_3_neither_after",
        f"{KIT}/test_other_apis.py::test_before_3_the_time_may_be_absent_and_unknown_is_an_answer_that_says_nothing",
        f"{KIT}/test_other_apis.py::test_since_3_both_are_malformed",
    ),
    "location-retrieval": (
        f"{KIT}/test_instruments.py::test_a_place_is_an_area_and_the_age_of_the_fix",
        f"{KIT}/test_instruments.py::test_a_place_that_is_not_told_says_why",
    ),
    "device-swap": (
        f"{KIT}/test_swaps.py::test_an_unknown_number_is_told_in_the_words_of_the_release_and_not_asked_again",
    ),
    "device status": (
        f"{KIT}/test_bridges.py::test_the_combined_device_status_tells_how_a_device_is_reached",
        f"{KIT}/test_bridges.py::test_and_whether_it_roams",
        f"{KIT}/test_device_apis.py::test_reachability_had_one_word_before",
        f"{KIT}/test_device_apis.py::test_not_found_was_the_word_for_a_stranger",
    ),
    "kyc-match": (f"{KIT}/test_kyc.py::test_releases_differ_in_the_best_score_and_in_one_name",),
    "call-forwarding-signal": (f"{KIT}/test_bridges.py::test_forwarding_is_asked_under_the_names_of_its_release",),
    "kyc-tenure and number-recycling": (
        f"{KIT}/test_line_history.py::test_a_day_beyond_the_operators_memory_is_not_answered",
    ),
    "one-time-password-sms": (
        f"{KIT}/test_instruments.py::test_a_password_that_cannot_be_sent_says_why",
        f"{KIT}/test_instruments.py::test_since_2_a_password_is_ordered_in_our_own_name_only",
    ),
    "all": (
        f"{KIT}/test_camara_errors.py::test_every_row_of_the_common_table_and_its_older_words",
        f"{KIT}/test_camara_errors.py::test_every_error_that_the_stored_releases_document_is_mapped",
        "contract/test_stored_releases.py::test_paths_and_scopes_are_those_of_the_definition",
    ),
}
HELD = [(what, test) for table in (TRAPS, BRIDGES) for what, tests in table.items() for test in tests]


def test_all_twenty_five_traps_are_accounted_for() -> None:
    assert len(TRAPS) + len(NOT_HERE) == 25
    assert all(TRAPS.values())
    assert all(BRIDGES.values())


@pytest.mark.parametrize(("what", "test"), HELD)
def test_what_holds_a_trap_is_there(what: str, test: str) -> None:
    file, _, name = test.partition("::")
    text = (TESTS / file).read_text("utf-8")
    assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{what}: {test} is gone"
