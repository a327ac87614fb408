"""Words about the holder of the contract: age, identity document, consent, and one-time passwords on the way."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.camara import passwords
from tests.camara.outcomes import NotApplicable, expect
from tests.camara.paths import parse
from tests.camara.stage import Stage
from tests.camara.subject import DAY_S
from tests.camara.vocabulary import PATH, TEXT, later, nothing, word

YEAR_DAYS = 366
CAPTURES_MAX = 50
STATE = "xyz123"
UNAGREED = ["never-agreed:read"]
RESULTS = frozenset({"granted", "partial_grant", "denied", "error", "timeout"})
"""What ``capture_result`` can be (consent-info 0.2.0, ``callbackUrl``)."""


def _young(stage: Stage) -> None:
    stage.subject.knows(birthdate=stage.date(("birthdate",), days_ago=YEAR_DAYS))


def _ageless(stage: Stage) -> None:
    stage.subject.knows(birthdate=None)


def _document_first(stage: Stage) -> None:
    stage.subject.be("identity", document_first=True)


def _decided(stage: Stage, ago_s: float = DAY_S, **members: Any) -> None:
    stage.subject.happened(ago_s, "consent", **members)


def _allowed(stage: Stage) -> None:
    _decided(stage, granted=True)


def _allowed_until(stage: Stage) -> None:
    _decided(stage, granted=True, valid_s=30 * DAY_S)


def _expired(stage: Stage) -> None:
    _decided(stage, 2 * DAY_S, granted=True, valid_s=DAY_S)


def _refused(stage: Stage) -> None:
    _decided(stage, granted=False, reason="DENIED")


def _open(stage: Stage) -> None:
    _decided(stage, granted=False, reason="PENDING")


def _forwarded(stage: Stage) -> None:
    stage.subject.happened(DAY_S, "forwarding", active=True)


def _unagreed(stage: Stage, path: str, text: str) -> None:
    stage.set(parse(path), UNAGREED)
    stage.set(parse(text), stage.valid(parse(text)))


def _asked_often(stage: Stage) -> None:
    """So many links for one number that one more is too many."""
    _open(stage)
    operation = stage.operation()
    body = stage.sample(operation) | {"requestCaptureUrl": True, "phoneNumber": stage.subject.number}
    for _ in range(CAPTURES_MAX):
        if not stage.aside(operation.path, body).is_success:
            return
    raise NotApplicable(f"this operator still gives links after {CAPTURES_MAX}")


def _prior(stage: Stage, text: str) -> None:
    stage.asked = text
    _open(stage)
    stage.set(("requestCaptureUrl",), True)  # noqa: FBT003 - a value of the body


def _opened(stage: Stage, state: str = "") -> None:
    url = str(stage.answer().json()["captureUrl"])
    query = {"state": state} if state else {}
    stage.memory["redirection"] = httpx.get(url, params=query, follow_redirects=False, trust_env=False)


def _opened_with_state(stage: Stage) -> None:
    _opened(stage, STATE)


def _redirection(stage: Stage) -> str:
    response: httpx.Response = stage.memory["redirection"]
    expect(response.is_redirect, f"status {response.status_code}, no redirection")
    return response.headers["location"]


def _back(stage: Stage) -> None:
    callback, found = str(stage.sent(("callbackUrl",))), urlsplit(_redirection(stage))
    expect(found._replace(query="").geturl() == callback, "the redirection is not to the callback URL")


def _result(stage: Stage, text: str) -> None:
    found = parse_qs(urlsplit(_redirection(stage)).query).get(text, [])
    expect(len(found) == 1 and found[0] in RESULTS, f"{text} is {found}")


def _state_back(stage: Stage, text: str) -> None:
    found = parse_qs(urlsplit(_redirection(stage)).query).get(text, [])
    expect(found == [STATE], f"{text} is {found}")


PRESUPPOSED: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    (r"idDocument.* when (?:this|the idDocument) is required", _document_first),
    (r"_async(?:_|\b)", later),
    (r"check_active_.* with call forwarding configured", _forwarded),
    (r"data processing is not allowed", _refused),
    (r"status valid for processing to be expired in the future", _allowed_until),
    (r"status not valid for processing\. already expired", _expired),
    (r"to return a consent capture url", _open),
)
"""What only the name of a scenario says of the operator."""


def presuppose(stage: Stage) -> None:
    """Let be what the tag and the name of the scenario presuppose."""
    named = f"{stage.scenario.key} {stage.scenario.name}"
    for pattern, act in PRESUPPOSED:
        if re.search(pattern, named, re.IGNORECASE):
            act(stage)


_CONSENTED = r"the data processing is (?:allowed|permitted) for the requested scopes?(?:\(s\))? and purpose"
_REFUSED = r"the data processing is not (?:allowed|permitted) for the requested scopes?(?:\(s\))? and purpose"
_AGE = r"the age information associated with the mobile subscription is"
_THRESHOLD = r"th[ae][nt] the age threshold provided"

WORDS = (
    word(rf"{_AGE} (?:equal (?:to )?or )?(?:greater|higher) {_THRESHOLD}", nothing),
    word(rf"{_AGE} (?:lower|less|smaller) {_THRESHOLD}", _young),
    word(r"the API Provider (?:cannot|can not|is not able to) verify the age information", _ageless),
    word(r"the (?:Telco )?Operator business rules require idDocument .*", _document_first),
    word(_CONSENTED, _allowed),
    word(rf"{_CONSENTED} with an expiration date", _allowed_until),
    word(_REFUSED, _refused),
    word(rf"{_REFUSED} because it has expired", _expired),
    word(rf"{_REFUSED} because Consent is pending.*", _open),
    word(rf"the request body property {PATH} and {TEXT} are set to a value which is not allowed .*", _unagreed),
    word(r"the API Consumer has exceeded the maximum number of captureUrl requests .*", _asked_often),
    word(rf"a prior {TEXT} request where the API Consumer requested a Consent capture URL", _prior),
    word(
        r"the User is redirected to the Consent capture URL including a query parameter \"state\" .*",
        _opened_with_state,
    ),
    word(r"the User is redirected to the Consent capture URL", _opened),
    word(r"the Consent Capture process reach(?:es)? a final state", nothing),
    word(r"the API Consumer receives a redirection to the callback URL .*", _back),
    word(rf"the redirection includes a query parameter {TEXT} with a valid capture result value", _result),
    word(rf"the redirection includes a query parameter {TEXT} with the same value as .*", _state_back),
    word(r"an authenticationId has been (?:retrieved|obtained|received) from a send-code request", passwords.retrieved),
    word(
        r"(?:Two|2) send-code requests? ha(?:s|ve) been sequentially triggered for the same phone ?number",
        passwords.twice,
    ),
    word(r"a validate-code has been succ?ess?fully performed for an? authenticationId", passwords.used),
    word(r"\(config_var: ?\"max_try\" ?- ?1\) calls with .* were performed", passwords.tried),
    word(r"\(config_var: ?\"max_send\" ?- ?1\) of send-code requests .* ha(?:s|ve) been submitted", passwords.flooded),
    word(r"the time elapsed since the send-code exceeds? the allowed time", passwords.expired),
)
