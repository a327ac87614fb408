"""A broker of a few lines for what a guard does around it: decides as told, keeps idempotency, binds receipts."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from broker.client._action import Action, b64url
from tests.unit.client.played import ANSWER

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
SALT = bytes(range(16))


class PretendBroker:
    """``decides`` gives the decision for a question. Reading a check tells ``later`` of it, or what was decided."""

    def __init__(self, decides: Callable[[dict[str, Any]], str]) -> None:
        self.decides = decides
        self.later: dict[str, str] = {}
        self.pending: set[str] = set()
        self.reviews: list[str] = []
        self.challenges: list[tuple[str, str, str]] = []
        self.questions: list[dict[str, Any]] = []
        self.valid_until = NOW + timedelta(seconds=120)
        self._kept: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self._checks: dict[str, dict[str, Any]] = {}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/challenges"):
            return self._challenge(request)
        if request.url.path.endswith("/reviews"):
            check_id = request.url.path.split("/")[-2]
            self.reviews.append(check_id)
            told = {"id": "rev_1", "checkId": check_id, "status": "pending", "expiresAt": self.valid_until.isoformat()}
            return httpx.Response(201, json=told)
        if request.method == "POST":
            return self._check(request)
        check_id = request.url.path.rsplit("/", 1)[1]
        if request.url.params.get("waitMs"):
            self.pending.discard(check_id)  # who waits has waited
        known = self._checks[check_id]
        status = "pending" if check_id in self.pending - self.later.keys() else "settled"
        decision = self.later.get(check_id, known["decision"])
        return httpx.Response(200, json=self._answer(check_id, known["question"], decision, status))

    def _challenge(self, request: httpx.Request) -> httpx.Response:
        check_id = request.url.path.split("/")[-2]
        sent = json.loads(request.content)
        self.challenges.append((check_id, sent["method"], sent["phoneNumber"]))
        self.pending.add(check_id)
        told = {"id": "cha_1", "checkId": check_id, "method": sent["method"], "status": "pending", "attemptsLeft": 3}
        told |= {"expiresAt": self.valid_until.isoformat(), "href": "/x", "link": "https://broker.example/c/1"}
        return httpx.Response(201, json=told | {"compareCode": "42", "qr": "<svg/>"})

    def _check(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        if key in self._kept:
            body, answer = self._kept[key]
            if body != request.content:
                problem = {"title": "x", "status": 422, "code": "IDEMPOTENCY_MISMATCH", "detail": "another body"}
                return httpx.Response(422, json=problem)
            return httpx.Response(200, json=answer, headers={"Idempotency-Replayed": "true"})
        question = json.loads(request.content)
        self.questions.append(question)
        check_id = f"chk_{len(self.questions)}"
        decision = self.decides(question)
        self._checks[check_id] = {"question": question, "decision": decision, "until": self.valid_until}
        answer = self._answer(check_id, question, decision, "settled")
        self._kept[key] = (request.content, answer)
        return httpx.Response(200, json=answer)

    def _answer(self, check_id: str, question: dict[str, Any], decision: str, status: str) -> dict[str, Any]:
        told, until = question["action"], self._checks[check_id]["until"]
        amount = told.get("amount")
        action = Action(
            told["type"],
            (amount["value"], amount["currency"]) if amount else None,
            told.get("resource"),
            told.get("attributes", {}),
        )
        claims = {
            "iss": "https://broker.example",
            "aud": "acme",
            "sub": "p",
            "jti": check_id,
            "iat": int(until.timestamp()) - 120,
            "exp": int(until.timestamp()),
            "check": check_id,
            "action": action.type,
            "action_digest": b64url(action.digest(SALT)),
            "action_salt": b64url(SALT),
            "decision": decision,
            "policy": "payment",
            "policy_version": 1,
            "leaf": "x",
        }
        receipt = ".".join((b64url(b"{}"), b64url(json.dumps(claims).encode()), b64url(b"?")))
        steps = {"step_up": ANSWER["nextSteps"], "review": ANSWER["nextSteps"][1:]}.get(decision, [])
        changed = {"id": check_id, "decision": decision, "status": status, "receipt": receipt, "nextSteps": steps}
        return ANSWER | changed | {"validUntil": until.isoformat()}
