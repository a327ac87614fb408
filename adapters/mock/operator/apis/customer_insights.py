"""customer-insights 0.2 and 0.3: an opaque score about a person, on one of two scales with opposite directions."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from adapters.mock.operator.apis.claims import check_lengths, match
from adapters.mock.operator.apis.dialects import Code, Dialect
from adapters.mock.operator.apis.errors import CamaraError
from adapters.mock.operator.apis.operation import Operation, PhoneNumber, Question
from adapters.mock.operator.apis.tenure import phone_identifier
from adapters.mock.operator.network.events import Identity, Score

PREFIX = "CUSTOMER_INSIGHTS."
Scale = Literal["gaugeMetric", "veritasIndex"]
GAUGE_MIN, GAUGE_MAX = 300, 850
VERITAS_MAX = 19

ID_DOCUMENT_LENGTH_MAX = 30
"""Since 0.3.0."""


class RetrieveScoring(msgspec.Struct, frozen=True, rename="camel"):
    """Whose score, on which scale; the operator chooses where none is named."""

    id_document: str | UnsetType = UNSET
    phone_number: PhoneNumber | UnsetType = UNSET
    scoring_type: Scale | UnsetType = UNSET


class Scoring(msgspec.Struct, frozen=True, rename="camel"):
    """``gaugeMetric``: 300 to 850, higher is less risk. ``veritasIndex``: 0 to 19, lower is less risk."""

    scoring_type: Scale
    scoring_value: int


def _scoring(question: Question) -> Scoring:
    body: RetrieveScoring = question.body
    _check_document(question, body.id_document)
    score = question.line.state(Score)
    if not score.scales:
        raise CamaraError(*question.dialect.codes.not_applicable, "there is no score for this line")
    scale = score.scales[0] if isinstance(body.scoring_type, UnsetType) else body.scoring_type
    if scale not in score.scales:
        raise CamaraError(422, f"{PREFIX}SCALE_TYPE_NOT_SUPPORTED", "there is no score on this scale")
    return Scoring(scale, score.gauge if scale == "gaugeMetric" else _veritas(score.gauge))


def _veritas(gauge: int) -> int:
    """The same risk on the other scale, in equal steps."""
    return round((GAUGE_MAX - gauge) / (GAUGE_MAX - GAUGE_MIN) * VERITAS_MAX)


def _check_length(dialect: Dialect, body: RetrieveScoring) -> None:
    check_lengths(dialect, body, {"id_document": ID_DOCUMENT_LENGTH_MAX})


def _check_document(question: Question, claimed: str | UnsetType) -> None:
    record = question.line.state(Identity)
    if isinstance(claimed, UnsetType):
        if record.document_first:
            raise CamaraError(*_code(question, "ID_DOCUMENT_REQUIRED"), "the identity document is needed")
        return
    verdict = match(claimed, record.person.id_document)
    if verdict == "not_available":
        raise CamaraError(422, f"{PREFIX}ID_DOCUMENT_NOT_SUPPORTED", "no identity document is on record")
    if verdict == "false":
        # Beside a token there is no second identifier in the request that the document could disagree with.
        mismatch = _code(question, "INVALID_IDENTIFIERS") if question.two_legged else (404, "NOT_FOUND")
        raise CamaraError(*mismatch, "the identity document is not the one of this subscriber")


def _code(question: Question, reason: str) -> Code:
    """0.2.0 has a code for each reason, 0.3.0 one for all of them."""
    return (422, PREFIX + reason) if question.dialect.version == "0.2.0" else question.dialect.codes.not_applicable


CUSTOMER_INSIGHTS = (
    Operation(
        method="POST",
        path="/scoring/retrieve",
        name="retrieveScoring",
        summary="A risk score about the holder of a contract",
        scopes=frozenset({"customer-insights:scoring:read"}),
        body=RetrieveScoring,
        check=_check_length,
        identifier=phone_identifier,
        answer_type=Scoring,
        answer=_scoring,
    ),
)
