"""Signals that the network can give and no evidence table weighs yet: refused wherever they could pass for evidence."""

import pytest

from broker.domain.signal import SignalName
from broker.errors import Misconfigured
from broker.policy.document import PolicyDocument
from broker.policy.evidence_table import EvidenceTable
from broker.policy.scenarios import STATES
from broker.policy.sketch import signal
from tests.unit.policy.kit import ALL_CLASSES, TABLE_TEXT

UNWEIGHED = sorted(set(SignalName) - set(STATES))


@pytest.mark.parametrize("name", UNWEIGHED)
@pytest.mark.parametrize("place", ["wanted: [sim_swap", "required: [[sim_swap"])
def test_a_policy_can_neither_want_nor_require_one(name: SignalName, place: str) -> None:
    text = ALL_CLASSES.replace(place, f"{place}, {name.value}")
    with pytest.raises(Misconfigured, match=f"{name.value} cannot be weighed yet"):
        PolicyDocument.read(text, source="p.yaml")


@pytest.mark.parametrize("name", UNWEIGHED)
def test_a_table_cannot_weigh_one_without_states(name: SignalName) -> None:
    text = TABLE_TEXT.replace("\nsignals:\n", f"\nsignals:\n  {name.value}: {ENTRY}\n")
    with pytest.raises(Misconfigured, match="no states to weigh"):
        EvidenceTable.read(text, source="t.yaml")


ENTRY = "{group: line, order: isotonic, profiles: {some: {states: {active: 1.0}, source: assumption}}}"


@pytest.mark.parametrize("name", UNWEIGHED)
def test_an_example_has_no_word_for_one(name: SignalName) -> None:
    with pytest.raises(ValueError, match="means nothing"):
        signal(name, "active")
