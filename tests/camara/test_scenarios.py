"""CAMARA's own scenarios, every API and version that a pretend operator can offer; `make camara` prints the rest."""

import pytest

from tests.camara.outcomes import Verdict
from tests.camara.places import Group
from tests.camara.runner import grouped, play_group, served
from tests.support.mock_operator_schemas import DEFINITIONS

FOUND = grouped([DEFINITIONS]) if DEFINITIONS.is_dir() else {}
GROUPS = {group: files for group, files in FOUND.items() if group in served()}
NOT_APPLICABLE_MAX = 0.10
"""Of one API and version. Over all of them it is far less; a small file with one such scenario may have more."""

pytestmark = pytest.mark.skipif(not GROUPS, reason="CAMARA's feature files are not beside the project")


@pytest.mark.parametrize("group", GROUPS, ids="-".join)
def test_no_scenario_of_camara_fails(group: Group) -> None:
    played = list(play_group(group, GROUPS[group]))
    failed = [f"{one.scenario.key}: {one.reason}" for one in played if one.verdict is Verdict.FAILED]
    spared = [f"{one.scenario.key}: {one.reason}" for one in played if one.verdict is Verdict.NOT_APPLICABLE]
    assert not failed, "\n".join(failed)
    assert len(spared) <= NOT_APPLICABLE_MAX * len(played), "\n".join(spared)
