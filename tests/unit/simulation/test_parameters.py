"""Parameter files are refused with the line of what is wrong."""

import pytest

from broker.errors import Misconfigured
from broker.simulation import parameters
from tests.unit.simulation.worlds import WORLD, world


def test_the_shipped_file_is_read() -> None:
    assert len(world().operators) == 10


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("days: 30", "days: 0", "key days"),
        ("days: 30", "daze: 30", "key daze"),
        ("share: 0.55", "share: 0.50", "add up to 0.95, not to 1"),
        ("name: op-2,", "name: op-1,", "op-1 is there twice"),
        ("shopping: 0.15", "shopping: 0.95", "more than all sessions"),
        ("reads: window_72h", "reads: window_1h", "key operators.5.reads"),
        ("{location: 0.75,", "{place: 0.75,", "key consents.place"),
    ],
)
def test_a_fault_names_its_line(old: str, new: str, fault: str) -> None:
    assert old in WORLD
    with pytest.raises(Misconfigured, match=r"line [0-9]+") as refused:
        parameters.read(WORLD.replace(old, new), source="world.yaml")
    assert fault in str(refused.value)
