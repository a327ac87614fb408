"""Who holds the line: numbers that are new, ported or somebody else's, from the day of the binding and the claims."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from broker.client import Answer
from tests.support.clocks import HandClock
from tests.support.stage import MADRID, Stage, set_stage

CLOCK = HandClock()
HOLDER = {"name": "Alma Serrano Vidal", "birthdate": "1987-03-14"}


class Story(NamedTuple):
    number: str
    bound_days_ago: int
    decision: str
    reason: str | None
    claims: dict[str, str] | None = None
    not_said: str | None = None
    young: bool = False
    """Whether SIM or handset are young enough for the tenure to matter; it is asked only then."""


STORIES = {
    "bound when the line began": Story("+34600000117", 1, "step_up", None, not_said="SIM_CHANGED_7D", young=True),
    "another's since the binding": Story("+34600000119", 400, "deny", "NUMBER_RECYCLED"),
    "ported in by the same holder": Story(
        "+34600000129", 400, "step_up", "PORTED_IN", not_said="SIM_CHANGED_7D", young=True
    ),
    "the holder claims to be the holder": Story("+34600000101", 400, "step_up", None, HOLDER),
    "steady": Story("+34600000101", 400, "step_up", None),
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """At a fixed hour: operators count days in their own zone, and near midnight yesterday is not the same to all."""
    with set_stage(tmp_path_factory.mktemp("holders"), clock=CLOCK) as stage:
        CLOCK.advance(3600)  # the day of cooling-off has passed for the line that began a day before
        yield stage


def ask(stage: Stage, story: Story, action: str, **more: Any) -> Answer:
    day = (CLOCK.now() - timedelta(days=story.bound_days_ago)).date()
    with stage.broker.client(stage.broker.analyst_key) as analyst:
        return analyst.check(
            story.number, action, location=MADRID, bound_since=day, claims=story.claims, max_evidence_age_s=0, **more
        )


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_a_payment_to_somebody_new(stage: Stage, story: Story) -> None:
    answer = ask(stage, story, "payment.transfer", amount=("950.00", "EUR"), attributes={"newPayee": True})
    signals = {one["name"]: one for one in answer.document["signals"]}
    codes = [one["code"] for one in answer.document["reasons"]]
    assert signals["number_recycling"]["state"] == "observed", signals
    assert signals["kyc_tenure"]["state"] == ("observed" if story.young else "unavailable"), signals
    assert answer.decision == story.decision, codes
    assert story.reason is None or story.reason in codes
    assert story.not_said not in codes


@pytest.mark.parametrize(
    ("birthdate", "state", "decision"), [("1987-03-14", "high", "step_up"), ("1990-01-01", "low", "deny")]
)
def test_claims_are_compared_where_they_could_matter(stage: Stage, birthdate: str, state: str, decision: str) -> None:
    story = Story("+34600000104", 400, decision, None, HOLDER | {"birthdate": birthdate})
    answer = ask(stage, story, "credential.reset")
    signals = {one["name"]: one for one in answer.document["signals"]}
    assert signals["kyc_match"]["value"] == state, signals["kyc_match"]
    assert ("IDENTITY_MISMATCH" in str(answer.document["reasons"])) is (state == "low")
    assert answer.decision == decision
    assert birthdate not in str(answer.document)


def test_claims_that_could_not_matter_never_leave(stage: Stage) -> None:
    stage.alba.control.forget_requests()
    answer = ask(stage, Story("+34600000101", 400, "step_up", None, HOLDER), "credential.reset")
    signals = {one["name"]: one for one in answer.document["signals"]}
    assert (signals["kyc_match"]["reason"], signals["kyc_match"]["code"]) == ("skipped", "DECIDED")
    assert not [call for call in stage.alba.control.requests() if "kyc-match" in call["path"]]
