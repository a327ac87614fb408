"""The operations of the published contract, each written once, for the blocking client and the other one."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Required, TypedDict
from urllib.parse import quote

from broker.client import _answers, _disclosures, _members
from broker.client._action import Action
from broker.client._allowances import allowances
from broker.client._answers import Answer, Challenge, Consumed, JourneyStep, Outcome, Review
from broker.client._disclosures import Disclosed, Grant
from broker.client._errors import ClientError
from broker.client._exchange import Ask, Credential, Pause, Reply, Retry, Surroundings, Work, exchange

DEFAULT_PURPOSE = "FraudPreventionAndDetection"
POLL_MAX_S = 20.0
_POLL_EARLY_S = 1.0
_CHECKS = "/v1/trust-checks"
_BATCH = "/v1/trust-checks:batch"
_DISCLOSURES = "/v1/disclosures"
_GRANTS = f"{_DISCLOSURES}/grants"
BATCH_MAX = 25
"""A fourth of what the broker takes, so that the answers are small enough, and there soon enough."""
_BATCH_LONGER_S = 20.0


class About(TypedDict, total=False):
    """What may be said about a question beside the number and the action; everything may be left out.

    ``amount`` is a decimal and an ISO 4217 code; ``location`` latitude, longitude (degrees) and radius (metres).
    ``bound_since`` is the day on which the number was linked to the person, ``claims`` what the person says about
    themself, in CAMARA's names (``givenName``, ``birthdate``, …). ``max_evidence_age_s`` is how old an earlier answer
    of an operator may be; 0 asks anew. ``idempotency_key`` is made where it is left out; give the same one to ask the
    same question again without deciding again.
    """

    amount: tuple[str, str] | None
    resource: str | None
    attributes: Mapping[str, str | bool | int] | None
    location: tuple[float, float, float] | None
    operator_token: str | None
    bound_since: date | None
    claims: Mapping[str, str] | None
    purpose: str
    channel: str | None
    conversation_id: str | None
    deadline_ms: int | None
    max_evidence_age_s: int | None
    idempotency_key: str | None


class Question(TypedDict, total=False):
    """One of the questions of ``check_many``: whom, what, and ``about`` it what may be said beside that."""

    phone_number: Required[str]
    action: Required[str]
    about: About


class Given(TypedDict, total=False):
    """What the person gave, one of: the ``code`` they typed, the ``operator_token`` of their device, or ``met``.

    ``met`` is the word of the tenant's own back end about a factor of its own, such as a passkey.
    """

    code: str
    operator_token: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a client asks."""

    credential: Credential
    timeout_s: float
    retry: Retry
    around: Surroundings
    language: str | None = None


class Operations:
    """Every method is a generator of steps whose value is the result; see :mod:`broker.client._exchange`."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def check(self, phone_number: str, action: str, about: About) -> Work[Answer]:
        """``POST /v1/trust-checks``; one idempotency key for all attempts, so that there is one decision."""
        key = about.get("idempotency_key") or secrets.token_urlsafe(18)
        headers = {"idempotency-key": key}
        reply = yield from self._reply("POST", _CHECKS, question(phone_number, action, about), headers, again=True)
        replayed = reply.headers.get("idempotency-replayed") == "true"
        left = allowances(reply.headers)
        return _answers.answer(_members.decoded(reply.body), replayed=replayed, allowances=left)

    def check_many(self, questions: Sequence[Question]) -> Work[list[Answer | ClientError]]:
        """``POST /v1/trust-checks:batch``, as often as it takes; what has no answer has the error in its place."""
        found: list[Answer | ClientError] = []
        for start in range(0, len(questions), BATCH_MAX):
            found += yield from self._batch(questions[start : start + BATCH_MAX])
        return found

    def _batch(self, questions: Sequence[Question]) -> Work[list[Answer | ClientError]]:
        checks = [
            {
                "request": question(one["phone_number"], one["action"], one.get("about", {})),
                "idempotencyKey": one.get("about", {}).get("idempotency_key") or secrets.token_urlsafe(18),
            }
            for one in questions
        ]
        try:
            reply = yield from self._reply("POST", _BATCH, {"checks": checks}, again=True, longer_s=_BATCH_LONGER_S)
            return _answers.answers(_members.decoded(reply.body), len(checks))
        except ClientError as error:
            return [error] * len(checks)

    def read(self, check_id: str) -> Work[Answer]:
        """``GET /v1/trust-checks/{id}``."""
        return (yield from self._read(check_id, wait_s=0))

    def wait(self, check_id: str, up_to_s: float) -> Work[Answer]:
        """Long polls until the check is no longer pending, or the time is over."""
        clock = self._terms.around.monotonic_s
        ends_s = clock() + up_to_s
        while True:
            asked_s = clock()
            wait_s = max(0.0, min(POLL_MAX_S, ends_s - asked_s))
            found = yield from self._read(check_id, wait_s)
            if not found.pending or clock() >= ends_s:
                return found
            # A broker that answers at once, whatever it was asked, is not asked in a circle.
            early_s = min(_POLL_EARLY_S, wait_s) - (clock() - asked_s)
            if early_s > 0:
                yield Pause(early_s)

    def journey(self, check_id: str) -> Work[tuple[JourneyStep, ...]]:
        """``GET /v1/trust-checks/{id}/journey``."""
        reply = yield from self._reply("GET", f"{_path(check_id)}/journey", again=True)
        return _answers.journey(_members.decoded(reply.body))

    def report_outcome(self, check_id: str, outcome: str) -> Work[Outcome]:
        """``POST /v1/trust-checks/{id}/outcome``; saying the same twice is saying it once."""
        reply = yield from self._reply("POST", f"{_path(check_id)}/outcome", {"outcome": outcome}, again=True)
        return _answers.outcome(_members.decoded(reply.body))

    def start_challenge(self, check_id: str, method: str, phone_number: str) -> Work[Challenge]:
        """``POST /v1/trust-checks/{id}/challenges``. Not sent again once it may have arrived: it may cost money."""
        members = {"method": method, "phoneNumber": phone_number}
        reply = yield from self._reply("POST", f"{_path(check_id)}/challenges", members, again=False)
        return _answers.challenge(_members.decoded(reply.body))

    def read_challenge(self, check_id: str, challenge_id: str) -> Work[Challenge]:
        """``GET /v1/trust-checks/{id}/challenges/{id}``."""
        reply = yield from self._reply("GET", _challenge_path(check_id, challenge_id), again=True)
        return _answers.challenge(_members.decoded(reply.body))

    def answer_challenge(self, check_id: str, challenge_id: str, given: Given) -> Work[Challenge]:
        """``POST …/answer``. Not sent again once it may have arrived: each answer costs an attempt."""
        members = _present(code=given.get("code"), operatorToken=given.get("operator_token"), met=given.get("met"))
        path = f"{_challenge_path(check_id, challenge_id)}/answer"
        reply = yield from self._reply("POST", path, members, again=False)
        return _answers.challenge(_members.decoded(reply.body))

    def request_review(self, check_id: str, justification: str) -> Work[Review]:
        """``POST /v1/trust-checks/{id}/reviews``; asked twice it is the same review."""
        reply = yield from self._reply("POST", f"{_path(check_id)}/reviews", _said(justification), again=True)
        return _answers.review(_members.decoded(reply.body))

    def consume_receipt(self, receipt: str, action: Action) -> Work[Consumed]:
        """``POST /v1/receipts/consume``. Not sent again once it may have arrived: the second time would be refused."""
        members = {"receipt": receipt, "action": action.members()}
        reply = yield from self._reply("POST", "/v1/receipts/consume", members, again=False)
        return _answers.consumed(_members.decoded(reply.body))

    def grant_disclosure(self, disclosure: str, purpose: str, reason: str, expires_at: datetime) -> Work[Grant]:
        """``POST /v1/disclosures/grants``. Not sent again once it may have arrived: it would grant twice."""
        members = {"disclosure": disclosure, "purpose": purpose, "reason": reason, "expiresAt": expires_at.isoformat()}
        reply = yield from self._reply("POST", _GRANTS, members, again=False)
        return _disclosures.grant(_members.decoded(reply.body))

    def disclosure_grants(self) -> Work[tuple[Grant, ...]]:
        """``GET /v1/disclosures/grants``."""
        reply = yield from self._reply("GET", _GRANTS, again=True)
        return _disclosures.grants(_members.decoded(reply.body))

    def withdraw_disclosure(self, grant_id: str) -> Work[Grant]:
        """``POST /v1/disclosures/grants/{id}/withdraw``; done twice it is done once."""
        reply = yield from self._reply("POST", f"{_GRANTS}/{quote(grant_id, safe='')}/withdraw", again=True)
        return _disclosures.grant(_members.decoded(reply.body))

    def disclose_location(
        self, phone_number: str, purpose: str, max_age_s: int | None, max_surface_m2: int | None
    ) -> Work[Disclosed]:
        """``POST /v1/disclosures/location``. Not sent again once it may have arrived: it may cost money."""
        members = _present(phoneNumber=phone_number, purpose=purpose, maxAgeS=max_age_s, maxSurfaceM2=max_surface_m2)
        return (yield from self._disclosed("location", members))

    def disclose_identity(self, phone_number: str, attributes: Sequence[str], purpose: str) -> Work[Disclosed]:
        """``POST /v1/disclosures/identity``; not sent again, as a place is not."""
        members = {"phoneNumber": phone_number, "purpose": purpose, "attributes": list(attributes)}
        return (yield from self._disclosed("identity", members))

    def _disclosed(self, what: str, members: Mapping[str, Any]) -> Work[Disclosed]:
        reply = yield from self._reply("POST", f"{_DISCLOSURES}/{what}", members, again=False)
        return _disclosures.disclosed(_members.decoded(reply.body))

    def keys(self) -> Work[dict[str, Any]]:
        """``GET /.well-known/jwks.json``: the public keys of receipts."""
        return (yield from self.call("GET", "/.well-known/jwks.json", None))

    def call(self, method: str, path: str, members: Mapping[str, Any] | None) -> Work[dict[str, Any]]:
        """Any operation; only reading is repeated after the broker may have heard it."""
        reply = yield from self._reply(method, path, members, again=method == "GET")
        return _members.decoded(reply.body)

    def _read(self, check_id: str, wait_s: float) -> Work[Answer]:
        wait_ms = int(wait_s * 1000)
        path = f"{_path(check_id)}?waitMs={wait_ms}" if wait_ms else _path(check_id)
        reply = yield from self._reply("GET", path, again=True, longer_s=wait_s)
        return _answers.answer(_members.decoded(reply.body))

    def _reply(
        self,
        method: str,
        path: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        again: bool,
        longer_s: float = 0,
    ) -> Work[Reply]:
        terms = self._terms
        body = None if members is None else json.dumps(members, ensure_ascii=False, allow_nan=False).encode()
        ask = Ask(method, path, self._headers(headers, body), body, terms.timeout_s + longer_s, again)
        retry = replace(terms.retry, total_s=terms.retry.total_s + longer_s)
        return (yield from exchange(ask, terms.credential, retry, terms.around))

    def _headers(self, own: Mapping[str, str] | None, body: bytes | None) -> dict[str, str]:
        headers = dict(own or {})
        if body is not None:
            headers["content-type"] = "application/json"
        if self._terms.language:
            headers["accept-language"] = self._terms.language
        return headers


def question(phone_number: str, action: str, about: About) -> dict[str, Any]:
    """A question as it goes over the wire."""
    place, amount, since = about.get("location"), about.get("amount"), about.get("bound_since")
    subject = _present(
        phoneNumber=phone_number,
        location=dict(zip(("latitude", "longitude", "radiusM"), place, strict=True)) if place else None,
        operatorToken=about.get("operator_token"),
        boundSince=since.isoformat() if since else None,
        claims=dict(about.get("claims") or {}),
    )
    act = _present(
        type=action,
        amount=dict(zip(("value", "currency"), amount, strict=True)) if amount else None,
        resource=about.get("resource"),
        attributes=dict(about.get("attributes") or {}),
    )
    return _present(
        subject=subject,
        action=act,
        purpose=about.get("purpose", DEFAULT_PURPOSE),
        context=_present(channel=about.get("channel"), conversationId=about.get("conversation_id")),
        deadlineMs=about.get("deadline_ms"),
        maxEvidenceAgeS=about.get("max_evidence_age_s"),
    )


def _challenge_path(check_id: str, challenge_id: str) -> str:
    return f"{_path(check_id)}/challenges/{quote(challenge_id, safe='')}"


def _said(justification: str) -> dict[str, str]:
    return {"justification": justification} if justification else {}


def _path(check_id: str) -> str:
    return f"{_CHECKS}/{quote(check_id, safe='')}"


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None and value != {}}
