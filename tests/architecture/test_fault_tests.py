"""Where each fault of operators is shown: reliability-security.md section 10, R5-R9, R23, R26, R30, R33 and R34.

In the words of that table, shortened: what has to hold, and which tests fail where it does not. What needs the clock on
the wall is in `make bench` besides (an operator browned out, a herd of a thousand); what is long is marked ``proof``.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).parents[2]
CHAOS, FAULTS = "tests/unit/operators/test_chaos.py", "tests/stories/test_faults.py"
HERD = "tests/unit/signals/test_single_flight.py"
MUTATED, TLS = "tests/unit/operators/test_mutated_bodies.py", "tests/unit/adapter_kit/test_tls.py"


class Shown(NamedTuple):
    """``holds`` is the condition, ``by`` the tests as pytest names them."""

    holds: str
    by: tuple[str, ...]


TABLE = {
    "R5": Shown(
        "brown-out, ten times slower for two minutes: deadlines kept, breaker opens in 10 s and closes within 60 s of "
        "the end, others' p99 within 10 %",
        (
            f"{CHAOS}::test_r5_a_brown_out_of_two_minutes_is_noticed_and_forgotten_and_nobody_else_feels_it",
            f"{FAULTS}::test_a_browned_out_operator_is_left_alone_and_the_other_keeps_working",
        ),
    ),
    "R6": Shown(
        "half of the operators time out: theirs are decided as the failure matrix has it, others as ever, tasks and "
        "memory bounded",
        (
            f"{CHAOS}::test_r6_with_half_of_the_operators_silent_tasks_and_memory_are_bounded",
            f"{FAULTS}::test_with_half_of_the_operators_silent_theirs_are_decided_by_the_matrix_and_others_as_ever",
            f"{FAULTS}::test_a_browned_out_operator_is_left_alone_and_the_other_keeps_working",
            f"{FAULTS}::test_with_every_operator_down_nothing_that_matters_is_allowed",
        ),
    ),
    "R7": Shown(
        "every operator down: each class is decided as the failure matrix has it, none that matters is allowed",
        (f"{FAULTS}::test_with_every_operator_down_nothing_that_matters_is_allowed",),
    ),
    "R8": Shown(
        "five seconds up, five down: a breaker moves once in 30 s at most, a tenth of questions is asked again",
        (
            f"{CHAOS}::test_r8_a_flapping_operator_moves_its_breaker_seldom_and_gets_few_retries",
            "tests/unit/operators/test_breaker.py::test_a_flapping_operator_moves_it_seldom",
        ),
    ),
    "R9": Shown(
        "a thousand checks of one subject: one call for each API, and everybody has an answer",
        (
            f"{HERD}::test_a_thousand_checks_of_one_subject_cost_one_call_for_each_api",
            f"{FAULTS}::test_a_herd_costs_one_call_for_each_api",
        ),
    ),
    "R23": Shown(
        "damaged bodies, 10,000 for each API under proof and some in every run: refused with a type, never clean "
        "(the million under atheris is not run)",
        (
            f"{MUTATED}::test_every_api_that_gives_a_signal_is_mutated",
            f"{MUTATED}::test_no_api_crashes_on_damage_or_believes_what_others_refuse",
            f"{MUTATED}::test_a_damaged_answer_never_crashes_and_never_looks_clean",
        ),
    ),
    "R26": Shown(
        "the same bytes through two JSON parsers: what they disagree about is malformed",
        (
            f"{MUTATED}::test_no_api_crashes_on_damage_or_believes_what_others_refuse",
            f"{MUTATED}::test_a_damaged_answer_never_crashes_and_never_looks_clean",
        ),
    ),
    "R30": Shown(
        "a tail of 20 s at one in a thousand, 100,000 checks under proof: 99.9 % within the deadline and 50 ms",
        (f"{CHAOS}::test_r30_deadlines_hold_whatever_the_tail",),
    ),
    "R33": Shown(
        "names that do not resolve, or slowly: a failure to connect for the breaker, deadline kept",
        (
            f"{TLS}::test_a_name_that_does_not_resolve_is_a_failure_to_connect",
            f"{TLS}::test_names_that_resolve_slowly_cost_no_more_than_the_call_has",
            f"{FAULTS}::test_an_operator_that_cannot_be_reached_is_a_typed_reason_and_then_left_alone",
        ),
    ),
    "R34": Shown(
        "TLS expired, for another name, too old, self-signed, of a stranger's making, stalled: refused with a type, "
        "deadline kept",
        (
            f"{TLS}::test_an_expired_certificate_is_refused",
            f"{TLS}::test_a_certificate_for_another_address_is_refused",
            f"{TLS}::test_a_server_that_speaks_only_what_is_broken_is_refused",
            f"{TLS}::test_a_certificate_that_vouches_for_itself_is_refused",
            f"{TLS}::test_a_certificate_of_an_authority_that_we_do_not_trust_is_refused",
            f"{TLS}::test_a_handshake_that_stalls_costs_no_more_than_the_call_has",
        ),
    ),
}


@pytest.mark.parametrize("fault", TABLE)
def test_each_is_where_the_table_says(fault: str) -> None:
    for node in TABLE[fault].by:
        file, _, name = node.partition("::")
        tree = ast.parse((PROJECT / file).read_text("utf-8"))
        found = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
        (test,) = [one for one in found if one.name == name]
        told = " ".join((ast.get_docstring(tree) or "", ast.get_docstring(test) or "", name.upper()))
        assert re.search(rf"(?<![A-Z0-9]){fault}(?![0-9])", told), f"{node} does not say that it shows {fault}"


def test_the_table_is_whole() -> None:
    assert set(TABLE) == {"R5", "R6", "R7", "R8", "R9", "R23", "R26", "R30", "R33", "R34"}
