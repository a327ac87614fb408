"""Weeks later somebody knows what a check was, and says so."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from broker.domain.outcome import OutcomeReport
from tests.support.databases import storing
from tests.support.stage import Stage

QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "sign_in.hint"},
    "purpose": "FraudPreventionAndDetection",
}


@pytest.fixture
def check_id(stage: Stage) -> str:
    with stage.broker.http() as http:
        answer = http.post("/v1/trust-checks", json=QUESTION)
    return str(answer.raise_for_status().json()["id"])


def reports(stage: Stage, check_id: str) -> list[OutcomeReport]:
    async def read() -> list[OutcomeReport]:
        async with storing(f"sqlite:///{stage.broker.folder}/broker.db") as store:
            return await store.outcomes("acme", check_id)

    return asyncio.run(read())


def test_the_last_word_counts_and_every_word_is_kept(stage: Stage, check_id: str) -> None:
    with stage.broker.http() as http:
        for word in ("fraud", "genuine"):
            told = http.post(f"/v1/trust-checks/{check_id}/outcome", json={"outcome": word})
            assert told.status_code == 200
            assert (told.json()["id"], told.json()["outcome"]) == (check_id, word)
    kept = reports(stage, check_id)
    assert [report.outcome for report in kept] == ["fraud", "genuine"]
    assert {(report.tenant, report.consumer) for report in kept} == {("acme", "shop")}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/outcome"),
        ({"outcome": "probably"}, "/outcome"),
        ({"outcome": "fraud", "who": "me"}, "/who"),
        ({"outcome": "fraud", "foundAt": "2026-01-01T00:00:00"}, "/foundAt"),
        ({"outcome": "fraud", "foundAt": "2001-01-01T00:00:00Z"}, "/foundAt"),
        ({"outcome": "fraud", "foundAt": (datetime.now(UTC) + timedelta(days=2)).isoformat()}, "/foundAt"),
    ],
    ids=["nothing", "another word", "unknown member", "without zone", "before the check", "in the future"],
)
def test_what_cannot_be_is_refused(stage: Stage, check_id: str, body: dict[str, Any], pointer: str) -> None:
    with stage.broker.http() as http:
        told = http.post(f"/v1/trust-checks/{check_id}/outcome", json=body)
    assert told.status_code == 400
    assert [fault["pointer"] for fault in told.json()["errors"]] == [pointer]
    assert reports(stage, check_id) == []


def test_nobody_labels_what_they_cannot_see(stage: Stage, check_id: str) -> None:
    with stage.broker.http() as http:
        assert http.post("/v1/trust-checks/chk_none/outcome", json={"outcome": "fraud"}).status_code == 404
    with stage.broker.http(stage.broker.analyst_key) as http:
        theirs = http.post("/v1/trust-checks", json=QUESTION).json()["id"]
    with stage.broker.http() as http:
        assert http.post(f"/v1/trust-checks/{theirs}/outcome", json={"outcome": "fraud"}).status_code == 404
    with stage.broker.http("tb_nobody") as http:
        assert http.post(f"/v1/trust-checks/{check_id}/outcome", json={"outcome": "fraud"}).status_code == 401
