"""Threats that the broker has to stand, each with the tests that show that it does; faults are in ``faults.py``.

``tests/architecture/test_threats.py`` sees to it that no row is missing and that every test named here is there.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """What is attacked or fails, what has to hold, and where that is shown: ``path::test`` below ``tests/``."""

    what: str
    holds: str
    shown: tuple[str, ...]


THREATS: dict[str, Row] = {
    "T1": Row(
        "requests of ours led into our own network",
        "over sixty ways to write an inner address, and a name that rebinds: no connection",
        (
            "unit/events/test_addresses.py::test_what_leads_inside_is_refused",
            "unit/events/test_addresses.py::test_anything_else_is_refused_with_what_to_send",
            "unit/events/test_sending.py::test_nothing_connects_to_this_machine_however_it_is_written",
            "unit/events/test_sending.py::test_a_name_that_points_elsewhere_a_moment_later_gains_nothing",
            "unit/events/test_sending.py::test_what_an_answer_means",
            "stories/test_hostile.py::test_a_redirect_is_never_followed",
        ),
    ),
    "T2": Row(
        "the check as an oracle of who is a customer",
        "unknown, unserved and unwilling look alike to an agent; a sweep of 10,000 numbers ends before 200 answers",
        (
            "stories/test_oracle.py::test_who_is_unknown_who_is_unserved_and_who_gave_no_consent_look_alike_to_an_agent",
            "unit/consumers/test_blocks.py::test_a_sweep_of_ten_thousand_is_stopped_before_two_hundred_answers",
            "stories/test_cautious.py::test_an_agent_that_tries_out_numbers_is_flagged_and_then_has_to_wait",
        ),
    ),
    "T3": Row(
        "what the time of an answer tells",
        "a classifier by time stays at an area of 0.55; comparing keys shows no difference over 20,000 tries",
        (
            "stories/test_oracle.py::test_the_time_of_an_answer_does_not_tell_them_apart",
            "unit/usecases/test_even_time.py::test_the_reason_does_not_show_in_the_time",
            "unit/consumers/test_key_timing.py::test_where_a_key_is_wrong_does_not_show_in_the_time",
        ),
    ),
    "T4": Row(
        "a receipt used again, or for something else",
        "of 200 at once one uses it; each changed claim, and another amount, is refused",
        (
            "contract/test_receipt_ends.py::test_of_two_hundred_at_once_on_two_nodes_exactly_one_is_first",
            "stories/test_receipt_use.py::test_of_all_who_use_a_receipt_one_wins",
            "unit/audit/test_receipts.py::test_each_changed_claim_breaks_the_signature",
            "stories/test_receipt_use.py::test_the_action_that_is_sent_along_must_be_the_one",
        ),
    ),
    "T5": Row(
        "callbacks that no operator sent",
        "forged, repeated, mixed up, another's and late ones are refused, and counted",
        (
            "stories/test_attacks.py::test_it_allows_nothing_and_is_on_record",
            "stories/test_challenges.py::test_what_is_forged_is_believed_by_nobody",
            "stories/test_challenge_ends.py::test_an_answer_on_the_way_back_of_another_operator_is_a_mix_up",
        ),
    ),
    "T6": Row(
        "webhooks that we did not send",
        "others' verifiers accept ours; any changed byte, and an id with a dot, is refused",
        (
            "unit/events/test_signing.py::test_the_package_of_that_name_accepts_it",
            "unit/events/test_signing.py::test_any_single_byte_that_changed_is_refused",
            "unit/events/test_signing.py::test_an_id_with_a_dot_could_be_read_as_another_and_is_refused",
        ),
    ),
    "T7": Row(
        "one tenant reaches another",
        "whatever one does at whatever operation, the other sees, counts and waits for nothing of it",
        (
            "stories/test_isolation.py::test_two_tenants_never_meet",
            "stories/test_isolation.py::test_every_operation_of_one_is_closed_to_the_other",
            "contract/test_storage_isolation.py::test_every_table_with_a_tenant_is_guarded_for_its_owner_too",
            "contract/test_storage_isolation.py::test_every_query_names_a_tenant_or_is_known_not_to",
            "stories/test_contracts.py::test_an_operator_is_asked_under_the_contract_of_whoever_asks",
            "unit/operators/test_contracts.py::test_no_route_and_no_list_leads_to_the_contract_of_another",
        ),
    ),
    "T8": Row(
        "poisoned memory of answers",
        "tenants, purposes and parameters never share; malformed answers are not kept; a withdrawal empties it",
        (
            "unit/signals/test_gather.py::test_an_answer_is_never_used_for_anything_else",
            "unit/signals/test_gather.py::test_an_adapter_that_gives_the_wrong_kind_of_value_is_malformed_and_never_kept",
            "unit/signals/test_gather.py::test_failures_are_not_kept_and_the_memory_is_bounded",
            "unit/signals/test_single_flight.py::test_what_differs_is_not_shared",
            "stories/test_consents.py::test_location_is_asked_with_a_live_consent_and_not_without",
        ),
    ),
    "T9": Row(
        "instructions in what operators write",
        "nothing of it in what an agent sees, in logs, on a terminal or in the database",
        (
            "stories/test_hostile.py::test_an_attack_at_every_api_is_a_typed_reason",
            "stories/test_hostile.py::test_whatever_the_operator_writes_nobody_reads_it",
            "stories/test_hostile.py::test_an_agent_over_mcp_reads_nothing_that_the_operator_wrote",
            "stories/test_hostile.py::test_what_was_recorded_holds_nothing_that_the_operator_wrote",
            "unit/adapter_kit/test_camara_errors.py::test_an_operators_own_words_never_become_a_code",
            "unit/surfaces/test_logs.py::test_a_value_cannot_pass_as_a_line_of_its_own",
        ),
    ),
    "T10": Row(
        "an agent that lowers its own bar",
        "eighteen strategies get no more than the honest question; agents change no policy",
        (
            "stories/test_shopping.py::test_nothing_gets_more_than_the_honest_question",
            "stories/test_shopping.py::test_of_an_easier_question_nothing_is_left_for_the_dear_one",
            "stories/test_cautious.py::test_parts_add_up",
            "stories/test_policies.py::test_an_agent_changes_no_policy_whatever_it_holds",
            "stories/test_oauth.py::test_what_an_agent_passes_on_only_narrows",
        ),
    ),
    "T11": Row(
        "a reviewer who is talked into it",
        "what an agent says for itself is shown last and plain; who asked cannot decide",
        (
            "stories/test_reviews.py::test_the_evidence_comes_first_and_the_agents_own_words_last",
            "stories/test_reviews.py::test_who_asked_cannot_decide_and_neither_can_an_agent",
            "unit/reviews/test_rules.py::test_a_ruling_needs_a_code_that_fits_and_a_reason",
        ),
    ),
    "T12": Row(
        "answers used for another purpose",
        "what was obtained for one purpose is never read for another",
        (
            "unit/adapter_kit/test_token_laws.py::test_a_token_is_for_one_consumer_subject_purpose_scope_and_flow",
            "unit/signals/test_gather.py::test_an_answer_is_never_used_for_anything_else",
            "stories/test_situations.py::test_a_purpose_that_does_not_cover_a_signal_keeps_it_from_being_asked",
            "unit/policy/test_journey.py::test_what_is_not_carried",
        ),
    ),
    "T13": Row(
        "a consent that is missing or was taken back",
        "taken back while the question is out: the answer is not used, and the record says so",
        (
            "stories/test_consents.py::test_an_answer_that_was_on_the_way_when_consent_was_taken_back_is_not_used",
            "stories/test_consents.py::test_another_node_knows_within_seconds",
            "stories/test_consents.py::test_over_two_nodes_of_postgresql_a_withdrawal_holds_in_flight_in_memory_and_at_the_facade",
            "unit/usecases/test_permitted.py::test_nobody_is_asked_after_the_person_said_no",
            "unit/usecases/test_permitted.py::test_an_answer_on_its_way_meanwhile_is_not_used_and_says_who_was_asked",
        ),
    ),
    "T14": Row(
        "where somebody is",
        "of a hundred shrinking circles three are asked, whichever way; no coordinates in the database",
        (
            "unit/usecases/test_circles.py::test_of_a_hundred_shrinking_circles_three_are_asked",
            "stories/test_shopping.py::test_nobody_is_found_circle_by_circle",
            "stories/test_consents.py::test_location_is_asked_with_a_live_consent_and_not_without",
        ),
    ),
    "T15": Row(
        "numbers and secrets in logs",
        "over fifty planted values, every surface, at debug level, with faults: none outside the vault",
        (
            "stories/test_canaries.py::test_nothing_planted_is_seen_outside_the_vault",
            "stories/test_canaries.py::test_nor_is_anything_with_every_fault_a_hostile_operator_and_commands",
            "stories/test_canaries.py::test_a_planted_leak_is_found",
            "architecture/test_log_lines.py::test_lines_are_sentences_with_named_fields",
        ),
    ),
    "T16": Row(
        "an operator that attacks with its answers",
        "every attack at every API is a typed reason, in time, and damage never looks clean",
        (
            "stories/test_hostile.py::test_an_attack_at_every_api_is_a_typed_reason",
            "stories/test_hostile.py::test_an_attack_at_the_token_endpoint_is_a_typed_reason",
            "stories/test_hostile.py::test_a_date_in_the_future_is_malformed",
            "unit/operators/test_mutated_bodies.py::test_a_damaged_answer_never_crashes_and_never_looks_clean",
            "unit/operators/test_mutated_bodies.py::test_no_api_crashes_on_damage_or_believes_what_others_refuse",
        ),
    ),
    "T17": Row(
        "clocks that are wrong",
        "an hour and a day either way, under load: no negative age, nothing expired wrongly, the log in order",
        (
            "stories/test_clock_jumps.py::test_under_load_no_age_is_negative_and_the_log_stays_in_order",
            "stories/test_clock_jumps.py::test_a_receipt_is_good_at_its_own_time_alone",
            "unit/signals/test_gather.py::test_an_answer_from_the_future_has_no_age_and_is_not_used_again",
            "unit/test_governance.py::test_a_clock_that_is_put_back_brings_back_nothing",
            "unit/audit/test_key_ring.py::test_a_clock_that_was_put_back_finds_the_first_key_that_is_not_revoked",
            "contract/test_token_faults.py::test_a_wall_clock_that_jumps_neither_keeps_nor_spoils_a_token",
            "stories/test_doctor.py::test_a_clock_that_is_wrong_is_noticed",
        ),
    ),
    "T18": Row(
        "numbers written so that two read them differently",
        "what is accepted is ASCII, a plus and digits, kept letter by letter; all else is refused",
        (
            "unit/domain/test_phone.py::test_whatever_is_not_e164_is_refused_and_never_repaired",
            "unit/domain/test_phone.py::test_an_accepted_number_is_kept_letter_by_letter",
            "unit/domain/test_phone.py::test_what_is_accepted_is_ascii_plus_and_digits",
        ),
    ),
    "T19": Row(
        "tokens that pass as others",
        "the whole matrix of forgeries is refused, for every kind of token",
        (
            "unit/consumers/test_jose.py::test_no_forgery_is_believed",
            "unit/consumers/test_jose.py::test_no_single_changed_character_goes_unnoticed",
            "stories/test_oauth.py::test_no_forged_token_opens_anything",
            "stories/test_oauth.py::test_no_forged_assertion_buys_a_token",
        ),
    ),
    "T20": Row(
        "a person's yes turned to something else",
        "one question at a time; a yes to another, to what was given up, or too late, is none",
        (
            "stories/test_challenges.py::test_nobody_is_asked_two_things_at_once",
            "stories/test_challenges.py::test_a_yes_that_comes_too_late_is_none",
            "contract/test_token_flows.py::test_a_yes_to_one_thing_is_no_yes_to_another",
            "contract/test_storage_challenges.py::test_of_many_prompts_at_once_one_may_ring_until_its_time_is_over",
        ),
    ),
    "T21": Row(
        "codes and states of another ceremony",
        "another issuer, none, an old state, a used code, another browser: refused",
        (
            "stories/test_attacks.py::test_it_allows_nothing_and_is_on_record",
            "contract/test_token_flows.py::test_an_answer_that_is_not_to_this_ceremony_is_not_believed",
            "contract/test_token_flows.py::test_an_answer_to_another_ceremony_is_not_believed_and_none_after_its_time",
            "stories/test_challenges.py::test_it_ends_in_the_browser_in_which_it_began",
        ),
    ),
    "T22": Row(
        "one person's token used for another",
        "a token belongs to its subject, and an answer about another is malformed",
        (
            "unit/adapter_kit/test_token_laws.py::test_a_token_is_for_one_consumer_subject_purpose_scope_and_flow",
            "unit/adapter_kit/test_wire.py::test_an_answer_about_another_number_is_malformed",
            "stories/test_hostile.py::test_a_token_that_is_not_the_one_asked_for_is_not_used",
        ),
    ),
    "T23": Row(
        "a number that went to somebody else",
        "no fact and no consent of the former holder is used",
        (
            "stories/test_consents.py::test_what_the_former_holder_of_a_number_agreed_to_permits_nothing",
            "unit/usecases/test_permitted.py::test_whoever_has_the_number_now_did_not_agree",
            "stories/test_holders.py::test_a_payment_to_somebody_new",
        ),
    ),
    "T24": Row(
        "stolen tokens of operators",
        "in memory only, shown nowhere, and bound to our key where the operator does that; else it is said",
        (
            "stories/test_canaries.py::test_nothing_planted_is_seen_outside_the_vault",
            "contract/test_token_flows.py::test_tokens_are_bound_to_our_key_where_the_operator_does_that",
            "contract/test_token_flows.py::test_a_plain_token_where_a_bound_one_was_asked_for_is_used_and_said",
            "unit/adapter_kit/test_oauth.py::test_no_secret_shows_in_a_repr",
        ),
    ),
    "T25": Row(
        "agents that storm",
        "others get 95 % of what they ask for",
        ("stories/test_oracle.py::test_one_that_storms_is_told_to_wait_and_the_others_are_served",),
    ),
    "T26": Row(
        "somebody else's money",
        "at four fifths somebody hears of it; at the end nobody is asked, and the answer is a typed 429",
        (
            "stories/test_quotas.py::test_a_budget_is_never_overspent_however_many_ask_at_once",
            "stories/test_quotas.py::test_without_money_nobody_is_asked",
            "stories/test_quotas.py::test_the_budget_holds_outside_checks_too",
            "stories/test_quotas.py::test_a_budget_that_is_nearly_spent_is_told_before_it_stops_anybody",
        ),
    ),
    "T27": Row(
        "an insider who changes the log",
        "a flipped bit, a deleted, reordered or truncated entry, and a fork: the first bad index is named",
        (
            "unit/audit/test_verify_export.py::test_the_first_bad_entry_is_named",
            "unit/audit/test_verify_export.py::test_every_bit_of_every_text_and_hash_counts",
            "unit/audit/test_verify_export.py::test_what_others_kept_shows_forks_and_short_logs",
            "contract/test_log_export.py::test_whoever_was_at_the_database_is_found_out",
            "contract/test_storage_migrations.py::test_the_database_itself_keeps_what_is_only_ever_added_to",
        ),
    ),
    "T28": Row(
        "a stolen signing key",
        "in a drill what it signed is refused within a minute, and nothing else",
        (
            "stories/test_signing_keys.py::test_the_logs_key_changes_under_load_and_what_a_thief_signs_with_the_old_one_is_refused",
            "unit/audit/test_verify_export.py::test_what_a_stolen_key_of_before_signs_holds_no_longer_and_what_it_signed_does",
            "stories/test_signing_keys.py::test_in_a_drill_the_old_receipt_is_refused_and_a_new_one_is_good",
            "unit/audit/test_key_ring.py::test_a_revoked_key_neither_signs_nor_verifies_and_another_one_signs_at_once",
        ),
    ),
    "T29": Row(
        "what others wrote and we install",
        "every package by version and hash, nothing fetched or run while installing",
        (
            "architecture/test_supply_chain.py::test_every_package_is_pinned_by_version_and_hash",
            "architecture/test_supply_chain.py::test_a_package_that_is_not_is_found",
            "architecture/test_supply_chain.py::test_nothing_is_installed_without_its_hash",
            "architecture/test_supply_chain.py::test_installing_runs_no_code_of_ours",
            "contract/test_published_contract.py::test_the_documentation_page_loads_everything_from_here",
        ),
    ),
    "T30": Row(
        "requests that two servers cut differently, and headers that lie",
        "every one of the corpus is 400; no header says who calls",
        (
            "unit/surfaces/test_server.py::test_what_two_servers_may_cut_differently_is_refused",
            "unit/surfaces/test_server.py::test_no_header_says_who_calls",
            "unit/surfaces/test_server.py::test_one_authorization_header_is_taken_and_two_are_refused",
        ),
    ),
    "T31": Row(
        "errors that tell too much",
        "whatever is sent and whatever fails: no trace, SQL, path or host in an answer",
        (
            "stories/test_contract_fuzz.py::test_no_request_makes_the_broker_fail",
            "stories/test_canaries.py::test_nothing_planted_is_seen_outside_the_vault",
            "contract/test_published_contract.py::test_answers_and_problems_are_as_published",
        ),
    ),
    "T32": Row(
        "a fault that opens instead of closing",
        "no state of any signal makes an empty or failed answer a yes; without a record there is no decision",
        (
            "unit/policy/test_decide.py::test_every_state_of_every_signal_can_be_decided",
            "unit/policy/test_laws.py::test_law",
            "stories/test_record.py::test_without_a_record_there_is_no_decision",
            "stories/test_faults.py::test_with_every_operator_down_nothing_that_matters_is_allowed",
        ),
    ),
}
