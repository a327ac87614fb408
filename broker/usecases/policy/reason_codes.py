"""What the reason codes of answers mean."""

from collections.abc import Iterable

import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.policy.reasons import ReasonCode, SafeCode
from broker.policy.words import REASONS


class ReasonCodeView(msgspec.Struct, frozen=True):
    """A code, and a sentence for it in each language by its ISO 639-1 code."""

    code: str
    meaning: dict[str, str]


def reason_codes(principal: Principal) -> tuple[ReasonCodeView, ...]:
    """The codes that this caller can meet: those that do not tell which fact fired, or all with ``trust:explain``."""
    codes: Iterable[ReasonCode | SafeCode] = SafeCode
    if authorize.EXPLAIN in principal.scopes:
        codes = ReasonCode
    return tuple(
        ReasonCodeView(code.value, {language.value: text for language, text in REASONS[code].items()}) for code in codes
    )
