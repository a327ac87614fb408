"""The mutants of tables, and the account of all of them: what counts as killed, and what as an excuse."""

import pytest

from tests.mutation.places import PROJECT
from tests.mutation.report import Equivalent, Fate, equivalents, rows, stale
from tests.mutation.subjects import SUBJECTS, Subject
from tests.mutation.tables import mutants

TABLE = """
FLOORS: Mapping[str, Outcome] = {"gate": Outcome.REVIEW, "other": Outcome.ALLOW}
SET = frozenset({A, B})

class Costs(Struct):
    insult: float = 0.05

class Kind(StrEnum):
    ONE = "one"

def rule():
    return 1
"""


def test_each_entry_of_a_table_is_changed_once_and_nothing_else() -> None:
    found = [(one.table, one.was, one.instead) for one in mutants(TABLE)]
    whole = "{'gate': Outcome.REVIEW, 'other': Outcome.ALLOW}"
    assert found == [
        ("FLOORS", whole, "{'other': Outcome.ALLOW}"),
        ("FLOORS", whole, "{'gate': Outcome.REVIEW}"),
        ("FLOORS", "Outcome.REVIEW", "Outcome.STEP_UP"),
        ("FLOORS", "Outcome.REVIEW", "Outcome.DENY"),
        ("FLOORS", "Outcome.ALLOW", "Outcome.STEP_UP"),
        ("SET", "{A, B}", "{B}"),
        ("SET", "{A, B}", "{A}"),
        ("insult", "0.05", "1.05"),
    ]
    assert len({one.text for one in mutants(TABLE)}) == len(found)


SUBJECT = Subject("gates", 1.0)
ALIVE = Fate("gates", killed=False, was="a > b", instead="a >= b")
EXCUSE = Equivalent("gates", "a > b", "a >= b", "they are never equal")


def test_a_mutant_that_lives_is_a_miss_unless_it_is_excused() -> None:
    fates = [Fate("gates", killed=True), ALIVE]
    (missed,), (excused,) = rows(fates, [], [SUBJECT]), rows(fates, [EXCUSE], [SUBJECT])
    assert (missed.share, missed.reached, missed.survived) == (0.5, False, (ALIVE,))
    assert (excused.share, excused.reached, excused.equivalent) == (1.0, True, 1)


def test_where_nothing_was_mutated_nothing_was_shown() -> None:
    assert not rows([], [], [SUBJECT])[0].reached


@pytest.mark.parametrize(
    "fates", [[Fate("gates", killed=True, was="a > b", instead="a >= b")], [Fate("gates", killed=True)]]
)
def test_an_excuse_for_what_died_or_is_gone_is_out_of_date(fates: list[Fate]) -> None:
    assert stale(fates, [EXCUSE]) == [EXCUSE]
    assert stale([*fates, ALIVE], [EXCUSE]) == []


def test_every_module_is_there_and_every_excuse_has_a_reason() -> None:
    assert all((PROJECT / one.path).exists() for one in SUBJECTS)
    assert {one.module for one in equivalents()} <= {one.module for one in SUBJECTS}
    assert all(one.why for one in equivalents())
