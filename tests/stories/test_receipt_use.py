"""A receipt is used once, where the action happens; whoever comes second, late or with something else is told why."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from broker.audit import merkle, note
from broker.audit.leaf import from_b64url
from tests.support.databases import tamper
from tests.support.stage import Stage, set_stage

ACTION: dict[str, Any] = {"type": "sign_in.hint", "resource": "account:77"}
CLEAN, SWAPPED = "+34600000101", "+34600000102"
QUICK = {"checkpoint_ms = 1000": "checkpoint_ms = 20"}
_WAIT_S = 10


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_stage(tmp_path_factory.mktemp("stage"), changes=QUICK) as standing:
        yield standing


@pytest.fixture(scope="module")
def http(stage: Stage) -> Iterator[httpx.Client]:
    with stage.broker.http() as http:
        yield http


def ask(http: httpx.Client, number: str = CLEAN, **action: Any) -> dict[str, Any]:
    question = {
        "subject": {"phoneNumber": number},
        "action": ACTION | action,
        "purpose": "FraudPreventionAndDetection",
    }
    answer: dict[str, Any] = http.post("/v1/trust-checks", json=question).raise_for_status().json()
    return answer


def consume(http: httpx.Client, token: str, **more: Any) -> httpx.Response:
    return http.post("/v1/receipts/consume", json={"receipt": token, **more})


def code(refused: httpx.Response) -> str:
    assert refused.status_code == 409, refused.text
    return str(refused.json()["code"])


def test_of_all_who_use_a_receipt_one_wins(stage: Stage, http: httpx.Client) -> None:
    token = ask(http)["receipt"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: consume(http, token, action=ACTION), range(40)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 39
    assert {code(answer) for answer in answers if answer.status_code != 200} == {"RECEIPT_CONSUMED"}
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    ((how, by, check),) = stage.rows("select how, by, check_id from receipt_ends where check_id = ?", winner["check"])
    assert (how, by) == ("consumed", "shop")
    leaves = stage.rows("select body from log_leaves where check_id like 'rce_%'")
    assert sum(check.encode() in body and b"receipt.consume" in body for (body,) in leaves) == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 200), ({"resource": "account:78"}, 409), ({"amount": {"value": "1", "currency": "EUR"}}, 409)],
    ids=["the same", "another resource", "an amount"],
)
def test_the_action_that_is_sent_along_must_be_the_one(http: httpx.Client, change: Any, status: int) -> None:
    token = ask(http)["receipt"]
    answer = consume(http, token, action=ACTION | change)
    assert answer.status_code == status
    if status == 409:
        assert code(answer) == "RECEIPT_OTHER_ACTION"
        assert consume(http, token, action=ACTION).status_code == 200, "a refusal uses nothing up"


def test_who_may_not_use_a_receipt(stage: Stage, http: httpx.Client) -> None:
    token = ask(http)["receipt"]
    with stage.broker.http(stage.broker.key("globex", "trust:check")) as globex:
        assert code(consume(globex, token)) == "RECEIPT_FOREIGN"
    head, body, signature = token.split(".")
    for forged in (f"{head}.{body}.{signature[::-1]}", f"{head}.{body[:-4]}AAAA.{signature}", "hello", f"{token}.x"):
        assert code(consume(http, forged)) == "RECEIPT_FORGED"
    denied = ask(http, SWAPPED, type="payment.transfer", amount={"value": "950.00", "currency": "EUR"})
    assert denied["decision"] != "allow"
    assert code(consume(http, denied["receipt"])) == "RECEIPT_NOT_ALLOWED"
    with httpx.Client(base_url=stage.broker.url, trust_env=False) as stranger:
        assert consume(stranger, token).status_code == 401
    assert consume(http, token).status_code == 200


def test_a_receipt_that_was_taken_back_is_not_used(stage: Stage, http: httpx.Client) -> None:
    answer = ask(http)
    revoke = {"check": answer["id"], "reason": "LATE_EVIDENCE"}
    with stage.broker.http(stage.broker.key("globex", "trust:check")) as globex:
        assert globex.post("/v1/receipts/revoke", json=revoke).status_code == 404
    for _ in range(2):
        revoked = http.post("/v1/receipts/revoke", json=revoke).raise_for_status().json()
        assert (revoked["state"], revoked["reason"]) == ("revoked", "LATE_EVIDENCE")
    assert code(consume(http, answer["receipt"])) == "RECEIPT_REVOKED"
    used = ask(http)
    assert consume(http, used["receipt"]).status_code == 200
    assert code(http.post("/v1/receipts/revoke", json={"check": used["id"]})) == "RECEIPT_CONSUMED"
    shown = http.get(f"/v1/trust-checks/{used['id']}/receipt").raise_for_status().json()
    assert (shown["state"], shown["receipt"]) == ("consumed", used["receipt"])


def test_a_stop_takes_back_what_was_allowed_before_it_for_good(stage: Stage, http: httpx.Client) -> None:
    answer, other = ask(http), ask(http, type="tool.call")
    keys = [
        stage.broker.key("acme", *scopes, consumer=name)
        for name, scopes in (
            ("ana", ("policy:stop", "policy:read")),
            ("luis", ("policy:approve", "policy:read")),
        )
    ]
    with stage.broker.http(keys[0]) as ana, stage.broker.http(keys[1]) as luis:
        stop = {"kind": "action", "value": "sign_in.hint", "reason": "a strange night"}
        stopped = ana.post("/v1/policies/stops", json=stop).raise_for_status().json()
        assert code(consume(http, answer["receipt"])) == "RECEIPT_REVOKED"
        shown = http.get(f"/v1/trust-checks/{answer['id']}/receipt").json()
        assert (shown["state"], shown["reason"]) == ("revoked", "STOPPED")
        luis.post(f"/v1/policies/stops/{stopped['id']}/resume").raise_for_status()
    assert code(consume(http, answer["receipt"])) == "RECEIPT_REVOKED"
    assert consume(http, ask(http)["receipt"]).status_code == 200
    assert http.get(f"/v1/trust-checks/{other['id']}/receipt").json()["state"] == "usable"


def test_a_receipt_of_a_check_that_was_settled_again_is_not_used(stage: Stage, http: httpx.Client) -> None:
    answer = ask(http)
    proven(http, answer["id"])  # what is changed below is in the tree by then, which takes no notice of it
    path = stage.broker.folder / "broker.db"
    asyncio.run(tamper(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for revision, said in ((1, "RECEIPT_SUPERSEDED"), (0, "RECEIPT_UNRECORDED")):
            change = "update checks set revision = ? where check_id = ?"
            database.execute(change, (revision, answer["id"]))
            if revision == 0:
                database.execute("update log_leaves set check_id = 'moved' where check_id = ?", (answer["id"],))
            assert code(consume(http, answer["receipt"])) == said
        database.execute("update log_leaves set check_id = ? where check_id = 'moved'", (answer["id"],))
    assert consume(http, answer["receipt"]).status_code == 200


def proven(http: httpx.Client, check_id: str) -> dict[str, Any]:
    until_s = time.monotonic() + _WAIT_S
    while (shown := http.get(f"/v1/trust-checks/{check_id}/receipt?proof=true")).status_code == 409:
        assert time.monotonic() < until_s
        time.sleep(0.02)
    proof: dict[str, Any] = shown.raise_for_status().json()["proof"]
    return proof


def test_the_proof_of_the_log_comes_along_when_it_is_asked_for(http: httpx.Client) -> None:
    answer = ask(http)
    shown = proven(http, answer["id"])
    used = consume(http, answer["receipt"], proof=True).raise_for_status().json()
    for proof in (shown, used["proof"]):
        checkpoint = note.read_checkpoint(note.read_note(proof["checkpoint"]).text)
        hashes = [from_b64url(each) for each in proof["hashes"]]
        leaf = from_b64url(proof["leafHash"])
        assert merkle.verify_inclusion(proof["index"], proof["size"], leaf, hashes, checkpoint.root)


@pytest.mark.parametrize("body", [{}, {"receipt": ""}, {"receipt": "x" * 5000}, {"receipt": "x", "y": 1}], ids=str)
def test_what_is_no_request_is_400(http: httpx.Client, body: Any) -> None:
    assert http.post("/v1/receipts/consume", json={name[:9]: value for name, value in body.items()}).status_code == 400
