"""Durable before answered: what an answer leaves behind, and what happens when nothing can be written."""

import base64
import hashlib
import json
import logging
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.audit import receipts
from broker.audit.leaf import LeafBody, b64url, leaf_hash
from broker.domain.check import Action, Amount, Principal
from broker.errors import BrokerError
from broker.surfaces import wire
from tests.support.stage import MADRID, Stage, set_stage

QUESTION: dict[str, Any] = {
    "subject": {
        "phoneNumber": "+34600000101",
        "location": dict(zip(("latitude", "longitude", "radiusM"), MADRID, strict=True)),
    },
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
    "maxEvidenceAgeS": 0,
}


def ask(stage: Stage, key: str | None = None, *, agent: str | None = None, **changed: Any) -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    with stage.broker.http(agent) as http:
        return http.post("/v1/trust-checks", json=QUESTION | changed, headers=headers)


def test_an_answer_is_in_the_database_with_evidence_and_leaf(stage: Stage) -> None:
    answer = ask(stage).raise_for_status().json()
    ((decision, verdict, score),) = stage.rows(
        "select decision, verdict, trust_score from checks where tenant = 'acme' and check_id = ?", answer["id"]
    )
    assert (decision, verdict) == (answer["decision"], answer["verdict"])
    assert 0 <= score <= 1000
    ((payload,),) = stage.rows("select payload from evidence where check_id = ?", answer["id"])
    assert b"sim_swap" not in payload, "it is sealed"
    opened = json.loads(stage.kept(answer["id"]).evidence)
    assert {signal["name"] for signal in opened["signals"]} >= {"sim_swap", "location"}
    ((body, digest),) = stage.rows("select body, leaf_hash from log_leaves where check_id = ?", answer["id"])
    assert digest == leaf_hash(body) == hashlib.sha256(b"\x00" + body).digest()
    leaf = json.loads(body)
    assert (leaf["check"], leaf["outcome"]) == (answer["id"], answer["decision"])
    assert set(leaf) == set(LeafBody.__struct_fields__) - {"revision", "cause", "by", "sandbox"}, "once, and in earnest"
    assert stage.rows("select count(*) from intents where check_id = ?", answer["id"]) == [(0,)]


def test_a_receipt_is_verified_offline_and_points_at_the_leaf(stage: Stage, tmp_path: Path) -> None:
    answer = ask(stage).json()
    with stage.broker.http() as http:
        jwks = http.get("/.well-known/jwks.json").json()
    receipt = receipts.verify(answer["receipt"], jwks, now=datetime.now(UTC), audience="acme")
    ((digest,),) = stage.rows("select leaf_hash from log_leaves where check_id = ?", answer["id"])
    assert receipt.leaf == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert (receipt.check, receipt.decision, receipt.agent) == (answer["id"], answer["decision"], "till")
    assert receipts.covers(receipt, Action("payment.transfer", Amount(Decimal(950), "EUR")))
    (tmp_path / "jwks.json").write_text(json.dumps(jwks), "utf-8")
    command = [sys.executable, "-m", "broker", "receipt", "verify", "--jwks", str(tmp_path / "jwks.json")]
    command += ["--require-decision", "any", "--issuer", stage.broker.url, "--audience", "acme"]
    good = subprocess.run([*command, answer["receipt"]], capture_output=True, text=True, check=False)
    assert (good.returncode, json.loads(good.stdout)["check"]) == (0, answer["id"])
    bad = subprocess.run([*command, answer["receipt"][:-3] + "abc"], capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "invalid" in bad.stderr


def test_client_keys_never_verify_receipts(stage: Stage) -> None:
    answer = ask(stage).json()
    with stage.broker.http() as http:
        keys = http.get("/.well-known/client-jwks.json").json()
    assert keys["keys"]
    with pytest.raises(receipts.ReceiptInvalid):
        receipts.verify(answer["receipt"], keys, now=datetime.now(UTC))


def test_the_same_key_and_body_give_the_same_bytes_and_ask_nobody_again(stage: Stage) -> None:
    first = ask(stage, "same")
    calls = stage.operator_calls()
    again = ask(stage, "same")
    assert again.content == first.content
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert stage.operator_calls() == calls


def test_the_same_key_with_another_body_is_422(stage: Stage) -> None:
    ask(stage, "other").raise_for_status()
    calls = stage.operator_calls()
    refused = ask(stage, "other", deadlineMs=1400)
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert stage.operator_calls() == calls


def test_a_replay_never_shows_more_than_its_caller_may_see(stage: Stage) -> None:
    explained = ask(stage, "seen", agent=stage.broker.key("acme", "trust:check", "trust:explain"))
    assert "trustScore" in explained.json()
    other = ask(stage, "seen", agent=stage.broker.key("acme", "trust:check"))
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert "trustScore" not in other.text


def test_another_tenants_key_of_the_same_name_is_another_key(stage: Stage) -> None:
    first = ask(stage, "shared").json()
    other = ask(stage, "shared", agent=stage.broker.key("globex", "trust:check"))
    assert other.status_code == 200
    assert other.json()["id"] != first["id"]
    assert "idempotency-replayed" not in other.headers


def test_while_the_first_runs_the_second_is_told_to_wait(stage: Stage) -> None:
    slow: dict[str, Any] = {"subject": {"phoneNumber": "+34600000202"}, "deadlineMs": 1500}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(stage, "parallel", **slow), range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(200) == 1
    assert set(codes) == {200, 409}
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 409)


def test_another_tenant_does_not_find_the_check(stage: Stage) -> None:
    answer = ask(stage).json()
    with stage.broker.http(stage.broker.key("globex", "trust:check", "trust:explain")) as http:
        theirs, nobodys = (http.get(f"/v1/trust-checks/{name}") for name in (answer["id"], "chk_nothing"))
    assert (theirs.status_code, theirs.content) == (404, nobodys.content)
    with stage.broker.http() as http:
        assert http.get(f"/v1/trust-checks/{answer['id']}").json() == answer


_SECRETS: dict[str, Any] = {
    "subject": {
        "phoneNumber": "+34600000101",
        "location": {"latitude": 40.41687, "longitude": -3.70389, "radiusM": 5000},
        "operatorToken": "ot-canary-token",
        "claims": {
            "name": "Ana Garcia Canary",
            "birthdate": "1988-04-12",
            "email": "canary@mail.example",
            "idDocument": "99887766Z",
        },
    },
    "action": {
        "type": "payment.transfer",
        "amount": {"value": "950.00", "currency": "EUR"},
        "resource": "iban:ES9121000418450200051332",
        "attributes": {"newPayee": True, "payeeName": "Pedro Planted", "account": 7361529840},
    },
}
_CANARIES = (
    *("600000101", "600000104", "40.4168", "-3.7038", "canary", "Garcia", "1988-04-12", "99887766Z"),
    *("ES9121000418450200051332", "Planted", "7361529840"),
)


def test_no_secret_or_number_is_in_the_database_or_the_log(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        said = {"channel": "voice", "conversationId": "canary-conversation"}
        answer = ask(stage, "canary-key", context=said, **_SECRETS).raise_for_status().json()
        ask(stage, subject={"phoneNumber": "+34600000104"}).raise_for_status()
        stage.alba.control.fault("malformed")
        try:
            ask(stage, **_SECRETS).raise_for_status()
        finally:
            stage.alba.control.no_faults()
        ask(stage, **(_SECRETS | {"purpose": "canary-purpose"}))
        with stage.broker.http("tb_canary") as http:
            http.get("/v1/trust-checks/chk_nothing")
    with closing(sqlite3.connect(stage.broker.folder / "broker.db")) as database:
        everything = "\n".join(database.iterdump())
    hexed = re.sub(r"X'([0-9A-Fa-f]*)'", lambda found: bytes.fromhex(found[1]).decode("latin-1"), everything)
    files = b"".join(path.read_bytes() for path in stage.broker.folder.glob("broker.db*")).decode("latin-1")
    # The pretend operators run in this process, too; only their own words are left out.
    ours = "\n".join(
        f"{entry.getMessage()} {entry.exc_info}" for entry in caplog.records if entry.name.split(".")[0] != "adapters"
    )
    for canary in (*_CANARIES, stage.broker.agent_key):
        for place in (everything, hexed, files, ours):
            assert canary not in place, canary
    assert not set(_CANARIES) & set(re.findall(r"[^\s\"]+", json.dumps(answer)))


def test_the_record_keeps_marks_of_what_a_caller_chose_and_can_tell_equal_ones(stage: Stage) -> None:
    kept = []
    for resource in ("iban:1", "iban:1", "iban:2"):
        action = {"type": "sign_in.hint", "resource": resource, "attributes": {"device": "iban:1"}}
        answer = ask(stage, action=action, context={"channel": "voice"}).json()
        kept.append(json.loads(stage.kept(answer["id"]).record))
    assert {record["channel"] for record in kept} == {"voice"}
    marks = [record["action"]["resource_mark"] for record in kept]
    assert marks[0] == marks[1] != marks[2]
    assert {record["action"]["attribute_marks"]["device"] for record in kept} & set(marks) == set()


def test_nobody_finds_an_action_or_a_request_by_trying_plain_hashes(stage: Stage) -> None:
    """The leaf and the row of an idempotency key are seen by more people than the receipt is."""
    answer = ask(stage, "tried").json()
    ((body,),) = stage.rows("select body from log_leaves where check_id = ?", answer["id"])
    ((stored,),) = stage.rows("select fingerprint from idempotency where check_id = ?", answer["id"])
    with stage.broker.http() as http:
        jwks = http.get("/.well-known/jwks.json").json()
    receipt = receipts.verify(answer["receipt"], jwks, now=datetime.now(UTC))
    leaf = json.loads(body)
    assert leaf["action_digest"] == receipt.action_digest
    assert receipt.action_salt not in body.decode()
    canonical = b'{"amount":{"currency":"EUR","value":"950"},"type":"payment.transfer"}'
    assert leaf["action_digest"] != b64url(hashlib.sha256(canonical).digest())
    caller = Principal("acme", "shop", "till", frozenset({"trust:check"}), "")
    assert stored != wire.fingerprint(QUESTION, caller)
    again = ask(stage, action=QUESTION["action"]).json()
    ((other,),) = stage.rows("select body from log_leaves where check_id = ?", again["id"])
    assert json.loads(other)["action_digest"] != leaf["action_digest"]


@pytest.fixture
def own_stage(tmp_path: Path) -> Iterator[Stage]:
    """Its store is waited for as the shipped configuration has it."""
    with set_stage(tmp_path, changes={"commit_wait_ms = 2000": "commit_wait_ms = 2000"}) as standing:
        yield standing


def test_without_a_record_there_is_no_decision(own_stage: Stage) -> None:
    stage = own_stage
    with closing(sqlite3.connect(stage.broker.folder / "broker.db", isolation_level=None)) as thief:
        thief.execute("begin exclusive")
        refused = ask(stage, "locked")
        assert (refused.status_code, refused.json()["code"]) == (503, "NOT_RECORDED")
        assert refused.headers["retry-after"]
        assert "decision" not in refused.json()
        thief.execute("rollback")
    assert ask(stage, "locked").status_code == 200
    assert stage.rows("select count(*) from checks") == [(1,)]


_PATIENT_STORE = {"record_grace_ms = 500": "record_grace_ms = 2000", "lock_wait_ms = 1000": "lock_wait_ms = 10000"}


def test_a_check_waits_for_the_database_no_longer_than_its_deadline(tmp_path: Path) -> None:
    """The store would wait ten seconds; a begin that was given up keeps no key."""
    with set_stage(tmp_path, changes=_PATIENT_STORE) as stage:
        assert ask(stage, "before").status_code == 200
        with closing(sqlite3.connect(stage.broker.folder / "broker.db", isolation_level=None)) as thief:
            thief.execute("begin immediate")
            started_s = time.monotonic()
            refused = ask(stage, "locked", deadlineMs=400)
            assert time.monotonic() - started_s < 5
            assert (refused.status_code, refused.json()["code"]) == (503, "NOT_RECORDED")
            thief.execute("rollback")
        again = ask(stage, "locked", deadlineMs=400)
        assert (again.status_code, again.headers.get("idempotency-replayed")) == (200, None)


def test_anybody_may_ask_whether_we_are_ready_and_hardly_anything_is_written(stage: Stage) -> None:
    with stage.broker.http() as http, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.get("/health/ready").status_code, range(40)))
    assert set(answers) == {200}


def test_a_failing_insert_of_the_leaf_leaves_nothing_of_the_check(own_stage: Stage) -> None:
    stage = own_stage
    with closing(sqlite3.connect(stage.broker.folder / "broker.db", isolation_level=None)) as saboteur:
        saboteur.execute(
            "create trigger no_leaf before insert on log_leaves when new.check_id like 'chk_%'"
            " begin select raise(abort, 'sabotage'); end"
        )
        refused = ask(stage)
        assert refused.status_code == 503
        assert "sabotage" not in refused.text
        saboteur.execute("drop trigger no_leaf")
    assert stage.rows("select (select count(*) from checks), (select count(*) from evidence)") == [(0, 0)]
    # The intent stays: operators were asked, and the sweeper will say so.
    assert stage.rows("select count(*) from intents") == [(1,)]


def test_more_checks_at_once_than_allowed_are_shed_before_any_operator_is_asked(tmp_path: Path) -> None:
    few = {"checks_in_flight_max = 64": "checks_in_flight_max = 1", "waiting_max = 1024": "waiting_max = 2"}
    with set_stage(tmp_path, changes=few) as stage:
        hang: dict[str, Any] = {"subject": {"phoneNumber": "+34600000202"}}
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: ask(stage, **hang), range(6)))
        shed = [answer for answer in answers if answer.status_code == 503]
        assert {answer.json()["code"] for answer in shed} == {"OVERLOADED"}
        assert all(answer.headers["retry-after"] for answer in shed)
        assert stage.rows("select count(*) from checks") == [(6 - len(shed),)]
        assert ask(stage).status_code == 200


def test_the_error_tree_has_a_status_for_every_class_that_can_leave() -> None:
    from broker.surfaces.api.problems import STATUS

    at_start_only = {"Misconfigured"}
    direct = {kind.__name__ for kind in BrokerError.__subclasses__()} - at_start_only
    finer = {kind.__name__ for one in BrokerError.__subclasses__() for kind in one.__subclasses__()}
    named = {kind.__name__ for kind in STATUS}
    assert direct <= named <= direct | finer
