"""kyc-match: do the person's claims agree with what the operator has on file? Releases 0.2.1 to 0.4.0, and 0.5.0-rc.1.

Answers are words and not booleans: ``true``, ``false``, ``not_available``.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, Reading
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import AttributeMatch, Confirmation, IdentityMatch, SignalName, Unavailability

_MATCH = "match"
_DOCUMENT = "idDocument"
_WORDS = {"true": Confirmation.AGREES, "false": Confirmation.DIFFERS, "not_available": Confirmation.NOT_ON_FILE}


class _Rules(msgspec.Struct, frozen=True):
    """What differs between releases: the best score that is no match, and the members that are called otherwise."""

    score_max: int
    scores: Mapping[str, str] = {}


_ANSWERS: Reader[dict[str, Any]] = Reader(dict[str, Any])


async def ask(line: ApiLine, rules: _Rules) -> Reading:
    """Each claim of the query against the operator's file."""
    claims = line.query.claims.given() if line.query.claims else {}
    if not claims:
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NO_CLAIMS_GIVEN)
    try:
        answer = await line.post(_MATCH, {**line.phone_body, **claims}, _ANSWERS)
    except OperatorFault as fault:
        # The operator refuses to compare the rest, and by that tells that the document is another's.
        if fault.code != "KNOW_YOUR_CUSTOMER.ID_DOCUMENT_MISMATCH" or _DOCUMENT not in claims:
            raise
        return Reading(IdentityMatch((AttributeMatch(_DOCUMENT, Confirmation.DIFFERS),)))
    return _reading(tuple(_attribute(name, answer, rules) for name in claims))


def _reading(found: tuple[AttributeMatch, ...]) -> Reading:
    if all(one.confirmation is Confirmation.NOT_ON_FILE for one in found):
        raise OperatorFault(Unavailability.NOT_APPLICABLE, KitCode.NOT_ON_FILE)
    return Reading(IdentityMatch(found))


def _attribute(name: str, answer: Mapping[str, Any], rules: _Rules) -> AttributeMatch:
    """A claim without an answer is like one that is not on file: no evidence either way."""
    word = answer.get(f"{name}Match", "not_available")
    if not isinstance(word, str) or word not in _WORDS:
        raise malformed(KitCode.WRONG_TYPE)
    score = answer.get(rules.scores.get(name, f"{name}MatchScore"))
    if score is not None and type(score) is not int:
        raise malformed(KitCode.WRONG_TYPE)
    if score is not None and not 0 <= score <= rules.score_max:
        raise malformed(KitCode.ABSURD_VALUE)
    confirmation = _WORDS[word]
    return AttributeMatch(name, confirmation, score if confirmation is Confirmation.DIFFERS else None)


def _version(version: str, base_path: str, rules: _Rules) -> ApiVersion:
    scopes = {_MATCH: "kyc-match:match"}
    # Before Spring25 NOT_FOUND is the only word for a number that is not this operator's.
    old = version == "0.2.1"
    not_found = Unavailability.UNKNOWN_SUBSCRIBER if old else Unavailability.UNSUPPORTED
    return ApiVersion(
        SignalName.KYC_MATCH, "kyc-match", version, base_path, scopes, partial(ask, rules=rules), not_found
    )


VERSIONS = (
    _version("0.2.1", "/kyc-match/v0.2", _Rules(100, {"middleNames": "middleNamesScore"})),
    _version("0.3.0", "/kyc-match/v0.3", _Rules(100)),
    _version("0.4.0", "/kyc-match/v0.4", _Rules(99)),
    _version("0.5.0-rc.1", "/kyc-match/v0.5rc1", _Rules(99)),
)
