"""The answer explained: what it cost, what would have changed it, what another model thinks, and all of it in words."""

import base64
import json
import re
import uuid
from decimal import Decimal
from typing import Any

import pytest

from tests.support.stage import MADRID, Stage

QUESTION = {
    "subject": {"phoneNumber": "+34600000104"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
    "maxEvidenceAgeS": 0,
}


def explained(stage: Stage, language: str | None = None, **changes: Any) -> dict[str, Any]:
    subject = QUESTION["subject"] | {"location": dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))}  # type: ignore[operator]
    headers = {"Accept-Language": language} if language else {}
    with stage.broker.http(stage.broker.analyst_key) as http:
        sent = QUESTION | {"subject": subject} | changes
        document: dict[str, Any] = http.post("/v1/trust-checks", json=sent, headers=headers).raise_for_status().json()
        again = http.get(f"/v1/trust-checks/{document['id']}", headers=headers).raise_for_status().json()
    assert again == document
    return document


def test_every_call_has_its_price_and_they_add_up(stage: Stage) -> None:
    document = explained(stage)
    costs = {one["name"]: one.get("cost") for one in document["signals"]}
    assert costs["sim_swap"] == {"value": "0.02", "currency": "EUR"}
    assert costs["location"] == {"value": "0.03", "currency": "EUR"}
    assert costs["number_verification"] is None  # no token came, so nobody was asked
    total = sum(Decimal(one["value"]) for one in costs.values() if one)
    assert [(Decimal(one["value"]), one["currency"]) for one in document["cost"]["total"]] == [(total, "EUR")]


def test_what_was_answered_before_is_free(stage: Stage) -> None:
    explained(stage, maxEvidenceAgeS=300)
    document = explained(stage, maxEvidenceAgeS=300)
    assert [one["name"] for one in document["signals"] if "cost" in one] == []
    assert document["cost"]["total"] == []


def test_what_was_left_out_is_named_with_its_reason_and_its_price(stage: Stage) -> None:
    bound = {"subject": QUESTION["subject"] | {"boundSince": "2024-05-01"}}  # type: ignore[operator]
    document = explained(stage, **bound)
    recycling = next(one for one in document["signals"] if one["name"] == "number_recycling")
    assert (recycling["state"], recycling["reason"], recycling["code"]) == ("unavailable", "skipped", "UNLIKELY")
    assert document["cost"]["saved"] == [{"value": "0.03", "currency": "EUR"}]
    assert document["degraded"] is False


def test_the_smallest_change_that_would_have_changed_it(stage: Stage) -> None:
    assert explained(stage)["counterfactual"] == {"signals": ["location"], "decision": "allow"}


def test_the_challenger_is_shown_beside_and_decides_nothing(stage: Stage) -> None:
    challenger = explained(stage)["challenger"]
    assert 0.0 < challenger["probability"] < 1.0
    assert "steady" in challenger["scenarios"]
    assert sum(challenger["scenarios"].values()) <= 1.0


@pytest.mark.parametrize(
    ("language", "chosen", "sentence"),
    [
        (None, "en", "The phone is not where the person says they are."),
        ("es-ES,es;q=0.9", "es", "El teléfono no está donde la persona dice estar."),
        ("de", "en", "The phone is not where the person says they are."),
    ],
)
def test_in_words_for_a_person(stage: Stage, language: str | None, chosen: str, sentence: str) -> None:
    words = explained(stage, language)["words"]
    assert words["language"] == chosen
    assert sentence in words["sentences"]


def test_an_agent_gets_none_of_it(stage: Stage) -> None:
    with stage.broker.http() as http:
        document = http.post("/v1/trust-checks", json=QUESTION).raise_for_status().json()
    assert not {"cost", "counterfactual", "challenger", "words"} & document.keys()


_INSTANT = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9:.]+Z")
_DATE = re.compile(r"20[0-9]{2}-[01][0-9]")
_MEMBERS = {
    *("id", "status", "decision", "verdict", "trustBand", "confidence", "reasons", "nextSteps", "policy", "degraded"),
    *("calibrated", "validUntil", "receipt", "revision", "withheld"),
}


@pytest.mark.parametrize("last", range(101, 136))
def test_whatever_the_situation_an_agent_sees_codes_and_nothing_of_the_person(stage: Stage, last: int) -> None:
    number, correlator = f"+34600000{last}", str(uuid.uuid4())
    place = dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True))
    asked = QUESTION | {
        "subject": {
            "phoneNumber": number,
            "location": place,
            "boundSince": "2020-02-03",
            "claims": {"name": "Ana Canary"},
        },
        "context": {"channel": "voice", "conversationId": "canary-conversation"},
    }
    with stage.broker.http() as http:
        answer = http.post("/v1/trust-checks", json=asked, headers={"x-correlator": correlator}).raise_for_status()
    body = answer.json()
    assert answer.headers["x-correlator"] == correlator
    assert body.keys() <= _MEMBERS
    told = [dict(body) | {"validUntil": "", "receipt": ""}]
    _, claims, _ = body["receipt"].split(".")
    told.append(json.loads(base64.urlsafe_b64decode(claims + "==")))
    text = _INSTANT.sub("", json.dumps(told))  # or the seconds of one read like a place, now and then
    for canary in (number[1:], correlator, "anary", "40.41", "3.70", "2020-02-03"):
        assert canary not in text, canary
    # Words of their own: in the random text of receipts and identifiers any four characters turn up now and then.
    assert not {"5000", "alba"}.intersection(re.split(r"[^\w-]+", text))
    dates = json.dumps([told[0] | {"nextSteps": [step | {"expiresAt": ""} for step in told[0]["nextSteps"]]}])
    assert not _DATE.search(dates)
    assert all(set(reason) == {"code", "effect"} for reason in body["reasons"])
