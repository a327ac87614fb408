"""Each bad request: its status, its code, its pointer; no operator hears of it and no record is left."""

import json
from typing import Any

import pytest

from tests.support.stage import Stage

QUESTION: dict[str, Any] = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "950.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


def changed(**members: Any) -> bytes:
    return json.dumps(QUESTION | members).encode()


def number(text: str) -> bytes:
    return changed(subject={"phoneNumber": text})


PHONE = "/subject/phoneNumber"
BAD: dict[str, tuple[bytes, int, str, str | None]] = {
    "national number": (number("600000101"), 400, "INVALID_REQUEST", PHONE),
    "unicode digits": (number("+٣٤٦٠٠٠٠٠١٠١"), 400, "INVALID_REQUEST", PHONE),
    "trailing newline": (number("+34600000101\n"), 400, "INVALID_REQUEST", PHONE),
    "00 prefix": (number("0034600000101"), 400, "INVALID_REQUEST", PHONE),
    "extension": (number("+34600000101;ext=9"), 400, "INVALID_REQUEST", PHONE),
    "unknown member": (changed(subjet={}), 400, "INVALID_REQUEST", "/subjet"),
    "unknown nested member": (
        changed(subject={"phoneNumber": "+34600000101", "x": 1}),
        400,
        "INVALID_REQUEST",
        "/subject/x",
    ),
    "wrong type": (changed(deadlineMs="soon"), 400, "INVALID_REQUEST", "/deadlineMs"),
    "duplicate member": (b'{"purpose": "a", ' + json.dumps(QUESTION).encode()[1:], 400, "INVALID_REQUEST", ""),
    "not JSON": (b"hello", 400, "INVALID_REQUEST", ""),
    "empty body": (b"", 400, "INVALID_REQUEST", ""),
    "array": (b"[]", 400, "INVALID_REQUEST", ""),
    "too large": (number("+" + "1" * 70_000), 413, "REQUEST_ENTITY_TOO_LARGE", None),
    "unknown purpose": (changed(purpose="Curiosity"), 400, "INVALID_REQUEST", "/purpose"),
    "unknown action": (changed(action={"type": "world.domination"}), 400, "INVALID_REQUEST", "/action/type"),
    "deadline too short": (changed(deadlineMs=249), 400, "INVALID_REQUEST", "/deadlineMs"),
    "deadline too long": (changed(deadlineMs=4001), 400, "INVALID_REQUEST", "/deadlineMs"),
}


@pytest.mark.parametrize(("body", "status", "code", "pointer"), BAD.values(), ids=BAD.keys())
def test_a_bad_request_leaves_nothing_behind(
    stage: Stage, body: bytes, status: int, code: str, pointer: str | None
) -> None:
    calls, rows = stage.operator_calls(), _rows(stage)
    with stage.broker.http() as http:
        headers = {"content-type": "application/json", "idempotency-key": "bad", "x-correlator": "c-1"}
        response = http.post("/v1/trust-checks", content=body, headers=headers)
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-correlator"] == "c-1"
    if pointer is not None:
        assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert "600000101" not in response.text.replace("e.g. +34600000101", "")
    assert stage.operator_calls() == calls
    assert _rows(stage) == rows


def _rows(stage: Stage) -> list[int]:
    tables = ("checks", "evidence", "log_leaves where check_id like 'chk_%'", "intents", "idempotency")
    return [stage.rows(f"select count(*) from {table}")[0][0] for table in tables]


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer nonsense", "Basic abc", "Bearer tb_" + "a" * 16 + "_" + "b" * 43],
    ids=["none", "empty", "no token", "nonsense", "basic", "unknown"],
)
def test_without_a_good_key_there_is_401_before_anything_else(stage: Stage, header: str | None) -> None:
    calls, rows = stage.operator_calls(), _rows(stage)
    with stage.broker.http() as http:
        del http.headers["authorization"]
        headers = {} if header is None else {"authorization": header}
        # The body is bad as well: who is not known learns nothing about what would be wrong with it.
        response = http.post("/v1/trust-checks", content=b"hello", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert (stage.operator_calls(), _rows(stage)) == (calls, rows)


def test_a_key_without_the_scope_is_403(stage: Stage) -> None:
    with stage.broker.http(stage.broker.key("acme", "trust:explain")) as http:
        response = http.post("/v1/trust-checks", json=QUESTION)
    assert (response.status_code, response.json()["code"]) == (403, "NOT_PERMITTED")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_anything_but_json_is_415(stage: Stage, content_type: str | None) -> None:
    headers = {"content-type": content_type} if content_type else {}
    with stage.broker.http() as http:
        response = http.post("/v1/trust-checks", content=json.dumps(QUESTION), headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_json_with_a_charset_is_json(stage: Stage) -> None:
    with stage.broker.http() as http:
        headers = {"content-type": "application/json; charset=utf-8"}
        assert http.post("/v1/trust-checks", content=json.dumps(QUESTION), headers=headers).status_code == 200


@pytest.mark.parametrize("correlator", ["a b", "x" * 257, "é", "a\tb"])
def test_a_malformed_correlator_is_refused_and_does_not_come_back(stage: Stage, correlator: str) -> None:
    with stage.broker.http() as http:
        response = http.post(
            "/v1/trust-checks", json=QUESTION, headers=[(b"x-correlator", correlator.encode("latin-1"))]
        )
    assert response.status_code == 400
    assert response.headers["x-correlator"] != correlator


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_malformed_idempotency_key_is_refused(stage: Stage, key: str) -> None:
    with stage.broker.http() as http:
        response = http.post("/v1/trust-checks", json=QUESTION, headers={"idempotency-key": key})
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/v1/nothing", 404), ("DELETE", "/v1/trust-checks", 405)]
)
def test_paths_and_methods_that_do_not_exist_are_problems_too(
    stage: Stage, method: str, path: str, status: int
) -> None:
    with stage.broker.http() as http:
        response = http.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-correlator"]
