"""The synchronous client."""

from collections.abc import Mapping
from datetime import date
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import httpx

DEFAULT_PURPOSE = "FraudPreventionAndDetection"


class ClientError(Exception):
    """No decision was obtained. Whoever asked must not act."""


class BrokerUnreachable(ClientError):
    """The broker did not answer in time, or at all."""


class BrokerRefused(ClientError):
    """The broker answered with a problem document (RFC 9457); ``code`` is stable, ``faults`` name what to change."""

    def __init__(self, status: int, code: str, detail: str, faults: tuple[tuple[str, str], ...]) -> None:
        where = "".join(f"\n  {pointer or '/'}: {text}" for pointer, text in faults)
        super().__init__(f"{status} {code}: {detail}{where}")
        self.status = status
        self.code = code
        self.faults = faults


class Answer(NamedTuple):
    """A decision. ``document`` is the whole answer as decoded JSON; the rest names what an agent acts on."""

    decision: str
    verdict: str
    receipt: str
    document: Mapping[str, Any]

    @property
    def allowed(self) -> bool:
        """Whether to act; anything but ``allow`` is no."""
        return self.decision == "allow"


class TrustBroker:
    """A connection to one broker with one key. Use it as a context manager, or call :meth:`close`."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = 10.0,
        language: str | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """``language`` is that of explanations in words, e.g. ``es``."""
        words = {"Accept-Language": language} if language else {}
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}", **words},
            timeout=timeout_s,
            transport=transport,
            # Defensive: a proxy from the environment would see the key and every number.
            trust_env=False,
        )

    def check(  # noqa: PLR0913 - the members of the question, all but two optional and by name
        self,
        phone_number: str,
        action: str,
        *,
        amount: tuple[str, str] | None = None,
        attributes: Mapping[str, str | bool | int | float] | None = None,
        resource: str | None = None,
        location: tuple[float, float, float] | None = None,
        operator_token: str | None = None,
        bound_since: date | None = None,
        claims: Mapping[str, str] | None = None,
        purpose: str = DEFAULT_PURPOSE,
        max_evidence_age_s: int | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Ask whether ``action`` may be done for ``phone_number`` now.

        ``amount`` is a decimal and an ISO 4217 code, ``location`` latitude, longitude (degrees) and radius (metres).
        ``bound_since`` is the day on which the number was linked to the person, ``claims`` what the person says about
        themself, in CAMARA's names (``givenName``, ``birthdate``, …). ``max_evidence_age_s`` is how old an earlier
        answer of an operator may be; 0 asks anew.

        Raises:
            BrokerRefused: the broker refused the question.
            BrokerUnreachable: there was no answer.
        """
        subject = _present(
            phoneNumber=phone_number,
            location=dict(zip(("latitude", "longitude", "radiusM"), location, strict=True)) if location else None,
            operatorToken=operator_token,
            boundSince=bound_since.isoformat() if bound_since else None,
            claims=dict(claims) if claims else None,
        )
        act = _present(
            type=action,
            amount=dict(zip(("value", "currency"), amount, strict=True)) if amount else None,
            resource=resource,
            attributes=dict(attributes) if attributes else None,
        )
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        question = _present(subject=subject, action=act, purpose=purpose, maxEvidenceAgeS=max_evidence_age_s)
        return self._send("POST", "/v1/trust-checks", json=question, headers=headers)

    def read(self, check_id: str) -> Answer:
        """A check that was decided earlier, as this key may see it; raises as :meth:`check`."""
        return self._send("GET", f"/v1/trust-checks/{quote(check_id, safe='')}")

    def report_outcome(self, check_id: str, outcome: str) -> Mapping[str, Any]:
        """Say what a check turned out to be: ``fraud``, ``genuine``, or ``unknown`` to take an earlier word back.

        Raises:
            BrokerRefused: no such check, or another word.
            BrokerUnreachable: there was no answer; say it again.
        """
        path = f"/v1/trust-checks/{quote(check_id, safe='')}/outcome"
        return self._request("POST", path, json={"outcome": outcome})

    def call(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Any other operation of the published contract; its answer as decoded JSON. Raises as :meth:`check`."""
        return self._request(method, path, **({} if members is None else {"json": members}))

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, method: str, path: str, **content: Any) -> Answer:
        return _answer(self._request(method, path, **content))

    def _request(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            raise BrokerUnreachable(f"no answer from the broker ({type(error).__name__})") from error
        if response.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
            raise _refusal(response)
        return _members(response)


def _answer(document: dict[str, Any]) -> Answer:
    try:
        return Answer(document["decision"], document["verdict"], document["receipt"], document)
    except KeyError as error:
        # Defensive: an answer without a decision must never be taken for one.
        raise BrokerUnreachable("the answer holds no decision; is this a trust broker?") from error


def _refusal(response: httpx.Response) -> BrokerRefused:
    members = _members(response)
    faults = tuple((fault.get("pointer", ""), fault.get("detail", "")) for fault in members.get("errors", ()))
    return BrokerRefused(response.status_code, members.get("code", "UNKNOWN"), members.get("detail", ""), faults)


def _members(response: httpx.Response) -> dict[str, Any]:
    try:
        members = response.json()
    except ValueError as error:
        raise BrokerUnreachable(f"status {response.status_code} without JSON; is this a trust broker?") from error
    if not isinstance(members, dict):
        raise BrokerUnreachable(f"status {response.status_code} without a JSON object; is this a trust broker?")
    return members


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
