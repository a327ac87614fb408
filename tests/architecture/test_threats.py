"""The map from threats and faults to tests: no row is missing, and no test that it names is gone."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.faults import FAULTS, NOT_SHOWN
from tests.threats import THREATS

TESTS = Path(__file__).resolve().parents[1]
NAMED = [(row, test) for table in (THREATS, FAULTS) for row, told in table.items() for test in told.shown]


@cache
def functions(path: str) -> frozenset[str]:
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)\(", (TESTS / path).read_text("utf-8"), re.MULTILINE))


def test_every_threat_and_fault_is_accounted_for() -> None:
    assert list(THREATS) == [f"T{number}" for number in range(1, 33)]
    assert FAULTS.keys() | NOT_SHOWN.keys() == {f"R{number}" for number in range(1, 36)}
    assert not FAULTS.keys() & NOT_SHOWN.keys()
    assert all(row.shown for row in (*THREATS.values(), *FAULTS.values()))


@pytest.mark.parametrize(("row", "test"), NAMED)
def test_what_shows_it_is_there(row: str, test: str) -> None:
    path, _, name = test.partition("::")
    assert (TESTS / path).is_file(), f"{row}: {path} is gone"
    assert name in functions(path), f"{row}: {test} is gone"
