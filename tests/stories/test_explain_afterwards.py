"""What happened, told afterwards: to people as a timeline, to programs as JSON, to keepers of talks as a vCon."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from broker.audit import receipts
from tests.support.stage import MADRID, Stage, set_stage

QUICK = {"checkpoint_ms = 1000": "checkpoint_ms = 20"}
NUMBER = "+34600000101"
_WAIT_S = 10


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("stage"), changes=QUICK) as standing:
        yield standing


@pytest.fixture(scope="module")
def asked(stage: Stage) -> dict[str, Any]:
    """A check that was used, turned out well, and is in the log."""
    question = {
        "subject": {
            "phoneNumber": NUMBER,
            "location": dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True)),
        },
        "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}, "resource": "iban:1"},
        "purpose": "FraudPreventionAndDetection",
        "context": {"channel": "voice", "conversationId": "c-123"},
        "maxEvidenceAgeS": 0,
    }
    with stage.broker.http() as agent:
        answer: dict[str, Any] = agent.post("/v1/trust-checks", json=question).raise_for_status().json()
        agent.post("/v1/receipts/consume", json={"receipt": answer["receipt"]}).raise_for_status()
        outcome = f"/v1/trust-checks/{answer['id']}/outcome"
        agent.post(outcome, json={"outcome": "genuine"}).raise_for_status()
        until_s = time.monotonic() + _WAIT_S
        while agent.get(f"/v1/trust-checks/{answer['id']}/receipt?proof=true").status_code == 409:
            assert time.monotonic() < until_s
            time.sleep(0.02)
    return answer


@pytest.fixture(scope="module")
def analyst(stage: Stage) -> Iterator[httpx.Client]:
    with stage.broker.http(stage.broker.analyst_key) as analyst:
        yield analyst


def test_the_timeline_tells_what_happened_in_order(asked: dict[str, Any], analyst: httpx.Client) -> None:
    told = analyst.get(f"/v1/trust-checks/{asked['id']}/explanation").raise_for_status().json()
    kinds = [moment["kind"] for moment in told["timeline"]]
    assert kinds[:2] == ["asked", "planned"]
    assert kinds.index("answered") < kinds.index("decided")
    assert kinds[-2:] in (["receipt", "reported"], ["reported", "receipt"])
    times = [datetime.fromisoformat(moment["at"]) for moment in told["timeline"]]
    assert times == sorted(times)
    texts = " | ".join(moment["text"] for moment in told["timeline"])
    for said in (
        "shop through till asked for payment.transfer 950.00 EUR over voice, for FraudPreventionAndDetection",
        "payment version 1 takes it as",
        "asked through alba",
        "sim_swap: ",
        "alba, sim-swap",
        "allow, recorded and signed",
        "stands at allow, trusted",
        "consumed by shop",
        "shop says that it was genuine",
    ):
        assert said in texts, said
    assert told["log"] == [{"entry": asked["id"], "index": told["log"][0]["index"]}]
    assert told["log"][0]["index"] >= 0
    assert {"consumer": "shop", "agent": "till", "channel": "voice"}.items() <= told["asked"].items()
    assert len(told["rules"]["policyDigest"]) == 64
    assert told["check"]["trustScore"] > 0


def test_everything_that_was_wanted_is_answered_or_said_to_be_missing(asked: dict[str, Any], analyst: Any) -> None:
    told = analyst.get(f"/v1/trust-checks/{asked['id']}/explanation").json()
    not_asked = {one["signal"] for one in told["notAsked"]}
    for signal in told["check"]["signals"]:
        missing = signal["state"] == "unavailable"
        expected = missing and signal["reason"] in {"unsupported", "not_permitted", "skipped", "breaker_open"}
        assert (signal["name"] in not_asked) == expected
        assert any(signal["name"] in moment["text"] for moment in told["timeline"])


def test_nothing_personal_is_told(asked: dict[str, Any], analyst: httpx.Client) -> None:
    for form in ("explanation", "vcon"):
        text = analyst.get(f"/v1/trust-checks/{asked['id']}/{form}").text
        for personal in (NUMBER[1:], "40.4168", "3.7038", "iban:1", "c-123"):
            assert personal not in text


def test_who_may_not_explain(stage: Stage, asked: dict[str, Any]) -> None:
    for form in ("explanation", "vcon"):
        with stage.broker.http() as agent:
            assert agent.get(f"/v1/trust-checks/{asked['id']}/{form}").status_code == 403
        with stage.broker.http(stage.broker.key("globex", "trust:explain", "trust:check")) as globex:
            assert globex.get(f"/v1/trust-checks/{asked['id']}/{form}").status_code == 404


def test_the_command_tells_it_to_people(stage: Stage, asked: dict[str, Any]) -> None:
    command = [sys.executable, "-m", "broker", "audit", "explain", asked["id"]]
    command += ["--url", stage.broker.url, "--key", stage.broker.analyst_key]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"{asked['id']}  allow  trusted")
    assert "entry " in told
    assert "asked for payment.transfer" in told
    as_vcon = subprocess.run([*command, "--vcon"], capture_output=True, text=True, check=True).stdout
    assert json.loads(as_vcon)["vcon"] == "0.4.0"


# The structure of draft-ietf-vcon-vcon-core-04: which members an object may have, and which it must.
OBJECTS: Mapping[str, tuple[set[str], set[str]]] = {
    "vcon": (
        {"uuid", "created_at"},
        {"vcon", "extensions", "critical", "updated_at", "subject", "redacted", "amended"}
        | {"parties", "dialog", "analysis", "attachments"},
    ),
    "parties": (
        set(),
        {"tel", "sip", "stir", "mailto", "name", "did", "validation", "gmlpos", "civicaddress", "uuid", "type"}
        | {"org", "dept"},
    ),
    "dialog": (
        {"type", "start"},
        {"duration", "parties", "originator", "mediatype", "filename", "body", "encoding", "url", "content_hash"}
        | {"disposition", "session_id", "party_history", "application", "message_id"},
    ),
    "analysis": (
        {"type", "vendor"},
        {"dialog", "attachment", "mediatype", "filename", "product", "schema", "body", "encoding", "url"}
        | {"content_hash"},
    ),
    "attachments": (
        {"start", "party", "dialog"},
        {"purpose", "mediatype", "filename", "body", "encoding", "url", "content_hash"},
    ),
}


def require_form(kind: str, found: Mapping[str, Any]) -> None:
    must, may = OBJECTS[kind]
    assert must <= set(found) <= must | may, (kind, set(found))
    if "body" in found:
        assert found["encoding"] in {"json", "none", "base64url"}
        assert found["encoding"] == "json" or isinstance(found["body"], str)


def test_the_vcon_has_the_structure_of_the_draft(stage: Stage, asked: dict[str, Any], analyst: httpx.Client) -> None:
    answer = analyst.get(f"/v1/trust-checks/{asked['id']}/vcon").raise_for_status()
    assert answer.headers["content-type"].startswith("application/vcon+json")
    found = answer.json()
    require_form("vcon", found)
    assert found["vcon"] == "0.4.0"
    name = uuid.UUID(found["uuid"])
    assert (name.version, name.variant) == (8, uuid.RFC_4122)
    for kind in ("parties", "dialog", "analysis", "attachments"):
        for each in found[kind]:
            require_form(kind, each)
    for each in (*found["dialog"], *found["attachments"], found):
        for instant in {"start", "created_at", "updated_at"} & set(each):
            assert datetime.fromisoformat(each[instant]).tzinfo is not None
    parties, dialogs = range(len(found["parties"])), range(len(found["dialog"]))
    for dialog in found["dialog"]:
        assert dialog["type"] in {"recording", "text", "transfer", "incomplete", "recording-set"}
        assert {*dialog["parties"], dialog["originator"]} <= set(parties)
    for attachment in found["attachments"]:
        assert attachment["party"] in parties
        assert attachment["dialog"] in dialogs
    assert [one["type"] for one in found["parties"]] == ["person", "bot", "organization"]
    assert analyst.get(f"/v1/trust-checks/{asked['id']}/vcon").json()["uuid"] == found["uuid"]


def test_the_vcon_holds_receipt_report_and_lawful_basis(stage: Stage, asked: dict[str, Any], analyst: Any) -> None:
    found = analyst.get(f"/v1/trust-checks/{asked['id']}/vcon").json()
    purposes: dict[str, Any] = {one["purpose"]: one for one in found["attachments"]}
    assert purposes["trust-decision"]["body"] == asked["receipt"]
    jwks = analyst.get("/.well-known/jwks.json").json()
    assert receipts.verify(purposes["trust-decision"]["body"], jwks, now=datetime.now(UTC)).check == asked["id"]
    basis = purposes["lawful_basis"]["body"]
    assert basis["purpose_grants"][0]["purpose"] == "FraudPreventionAndDetection"
    assert "sim_swap" in {signal for one in found["attachments"][1:] for signal in one["body"]["signals"]}
    assert found["extensions"] == ["lawful_basis"]
    (report,) = found["analysis"]
    assert (report["type"], report["body"]["check"]["id"]) == ("report", asked["id"])
    assert not {"tel", "sip", "mailto"} & {member for party in found["parties"] for member in party}


def test_what_a_human_changed_is_told_and_each_revision_is_in_the_log(stage: Stage, analyst: httpx.Client) -> None:
    ruling = {"ruling": "approve", "code": "CUSTOMER_CONFIRMED", "reason": "called back, name is Canary"}
    question = {
        "subject": {"phoneNumber": NUMBER},
        "action": {"type": "sim.order"},
        "purpose": "FraudPreventionAndDetection",
    }
    with (
        stage.broker.http() as till,
        stage.broker.http(stage.broker.key("acme", "trust:review", consumer="ana")) as ana,
    ):
        check = till.post("/v1/trust-checks", json=question).raise_for_status().json()
        asked = till.post(f"/v1/trust-checks/{check['id']}/reviews", json={"justification": "Canary is in a hurry"})
        path = f"/v1/reviews/{asked.raise_for_status().json()['id']}"
        ana.post(f"{path}/claim").raise_for_status()
        ana.post(f"{path}/decide", json=ruling).raise_for_status()
        newest = till.get(f"/v1/trust-checks/{check['id']}/receipt").raise_for_status().json()["receipt"]
        assert newest != check["receipt"]
        assert till.post("/v1/receipts/consume", json={"receipt": newest}).status_code == 200
        assert till.post("/v1/receipts/consume", json={"receipt": check["receipt"]}).status_code == 409
    told = analyst.get(f"/v1/trust-checks/{check['id']}/explanation").raise_for_status()
    texts = [moment["text"] for moment in told.json()["timeline"]]
    assert texts.index(f"{check['decision']}, recorded and signed") < len(texts) - 1
    assert any(text.startswith("shop asked for a human (") for text in texts)
    assert "ana decided approve CUSTOMER_CONFIRMED" in texts
    (again,) = [text for text in texts if text.startswith("settled again because of review")]
    assert again.endswith(f"it was {check['decision']}")
    assert any(text.startswith("stands at allow") for text in texts)
    assert [entry["entry"] for entry in told.json()["log"]] == [check["id"], f"{check['id']}.1"]
    assert "Canary" not in told.text, "what people wrote is not told"
