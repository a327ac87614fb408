"""What is told of a challenge: to whoever asked for it, and to the person whom it is about."""

import hashlib
import hmac
import io
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

import msgspec
import segno

from broker.domain.challenge import Challenge, ChallengeCode, ChallengeState
from broker.domain.record import Check
from broker.policy.words import Language

Waiting = Literal["pending", "met", "failed", "expired", "cancelled"]
_WAITING: dict[ChallengeState, Waiting] = {
    ChallengeState.STARTED: "pending",
    ChallengeState.OPENED: "pending",
    ChallengeState.MET: "met",
    ChallengeState.FAILED: "failed",
    ChallengeState.EXPIRED: "expired",
    ChallengeState.CANCELLED: "cancelled",
}
# Without vowels and without what is read for something else: nobody compares a rude word, or a zero with an O.
_LETTERS = "BCDFGHJKMNPQRSTVWXZ23456789"


class ChallengeView(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A challenge for whoever asked for it. The check itself says what came of it.

    ``link`` is for the person, to be opened on the phone over mobile data, and is told once, with ``qr`` (the same as
    an SVG) and ``compare_code``, four characters that the person sees on the page and has to find where they were sent
    from. For ``operator_prompt`` the page shows no code: the person types this one there before their phone rings.
    """

    id: str
    check_id: str
    method: str
    status: Waiting
    code: ChallengeCode | None = None
    expires_at: datetime
    attempts_left: int | None = None
    href: str
    link: str | None = None
    qr: str | None = None
    compare_code: str | None = None


class PageView(msgspec.Struct, frozen=True):
    """What the person is asked: who wants what, and whether it is still open. No number and no name of theirs."""

    language: Language
    open: bool
    consumer: str = ""
    agent: str = ""
    action_type: str = ""
    amount: str = ""
    compare_code: str = ""
    method: str = ""
    mistyped: bool = False
    goes_to: str = ""
    """The origin of the operator, the only other place that the page may send anybody."""


class Tapped(msgspec.Struct, frozen=True):
    """Where the browser goes on, with a secret for its cookie; without a ``url`` the person's phone asks them now.

    ``ceremony`` tells this cookie from those of other links in the same browser.
    """

    url: str = ""
    browser: str = ""
    ceremony: str = ""
    mistyped: bool = False
    """Nothing happened: it was another code."""

    def __repr__(self) -> str:
        return "Tapped(…)"


class Ending(StrEnum):
    """How the ceremony ended, for the page."""

    MET = "met"
    OVER = "over"
    OTHER_SIM = "other_sim"
    NOT_ON_MOBILE_NETWORK = "not_on_mobile_network"
    NOT_PERMITTED = "not_permitted"
    OTHER_BROWSER = "other_browser"
    FAILED = "failed"


ENDINGS = {
    ChallengeCode.OTHER_SIM: Ending.OTHER_SIM,
    ChallengeCode.NOT_ON_MOBILE_NETWORK: Ending.NOT_ON_MOBILE_NETWORK,
    ChallengeCode.NOT_PERMITTED: Ending.NOT_PERMITTED,
    ChallengeCode.OTHER_BROWSER: Ending.OTHER_BROWSER,
    ChallengeCode.TIMED_OUT: Ending.OVER,
}


def shown(challenge: Challenge, link: str | None = None, code: str | None = None) -> ChallengeView:
    """A challenge, with its link and the code that belongs to it where it was just made."""
    return ChallengeView(
        id=challenge.challenge_id,
        check_id=challenge.check_id,
        method=challenge.method,
        status=_WAITING[challenge.state],
        code=challenge.code,
        expires_at=datetime.fromtimestamp(challenge.expires_ms / 1000, UTC),
        attempts_left=challenge.attempts_left if challenge.is_open and link is None else None,
        href=f"/v1/trust-checks/{challenge.check_id}/challenges/{challenge.challenge_id}",
        link=link,
        qr=None if link is None else _qr(link),
        compare_code=code,
    )


def compare_code(secret: str) -> str:
    """Four characters that follow from a secret and tell nothing about it."""
    digest = hashlib.sha256(b"compare:" + secret.encode("ascii")).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:4])


def same_code(typed: str, code: str) -> bool:
    """Whether a person typed this code; blanks, hyphens and small letters are theirs to choose."""
    given = "".join(typed.upper().replace("-", " ").split())
    # Defensive: what has no code is opened by none.
    return bool(code) and hmac.compare_digest(given.encode("utf-8"), code.encode("utf-8"))


def page_of(check: Check, method: str, code: str, language: Language, goes_to: str) -> PageView:
    """The question to the person."""
    amount = check.action.amount
    return PageView(
        language=language,
        open=True,
        consumer=check.consumer,
        agent=check.agent or "",
        action_type=check.action.type,
        amount=f"{amount.value} {amount.currency}" if amount else "",
        compare_code=code,
        method=method,
        goes_to=goes_to,
    )


def _qr(link: str) -> str:
    out = io.BytesIO()
    segno.make(link, error="m", micro=False).save(out, kind="svg", xmldecl=False, svgns=True, scale=4, title="Link")
    return out.getvalue().decode("utf-8")
