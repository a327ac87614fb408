"""Text messages that this operator delivers, and the one-time passwords among them."""

import hmac
import secrets
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

INBOX_MAX = 20
INBOXES_MAX = 10_000
PASSWORDS_MAX = 10_000
PASSWORD_VALID_S = 300
ATTEMPTS_MAX = 3
SENT_WITHIN_HOUR_MAX = 5
CODE_DIGITS = 6
CODE_PLACEHOLDER = "{{code}}"


class Sms(msgspec.Struct, frozen=True):
    """A message that was delivered."""

    at: datetime
    text: str


class Password(msgspec.Struct):
    """A code on its way: for whom, until when, and how many wrong answers there were. Spent ones are never valid."""

    phone_number: str
    client_id: str
    code: str
    expires_at: datetime
    failures: int = 0
    spent: bool = False

    def __repr__(self) -> str:  # neither number nor code in logs
        return f"Password(failures={self.failures}, spent={self.spent})"


class Verdict(StrEnum):
    """What became of a code that was typed in."""

    RIGHT = "right"
    WRONG = "wrong"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"


class SmsCentre:
    """Inboxes of numbers, and the passwords under way, each bounded."""

    def __init__(self) -> None:
        self._inboxes: OrderedDict[str, deque[Sms]] = OrderedDict()
        self._passwords: OrderedDict[str, Password] = OrderedDict()
        self._sent: OrderedDict[str, deque[datetime]] = OrderedDict()

    def clear(self) -> None:
        """Forget every message and password."""
        self._inboxes.clear()
        self._passwords.clear()
        self._sent.clear()

    def inbox(self, phone_number: str) -> list[Sms]:
        """The last messages of a number, oldest first."""
        return list(self._inboxes.get(phone_number, ()))

    def may_send(self, phone_number: str, now: datetime) -> bool:
        """Whether a number may get one more password: :data:`SENT_WITHIN_HOUR_MAX` within an hour."""
        horizon = now - timedelta(hours=1)
        return sum(at > horizon for at in self._sent.get(phone_number, ())) < SENT_WITHIN_HOUR_MAX

    def send_password(self, client_id: str, phone_number: str, message: str, now: datetime) -> str:
        """Put a new code into a message and deliver it; every older code for this number is void. Returns its id."""
        for older in self._passwords.values():
            if older.phone_number == phone_number:
                older.spent = True
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        reference = secrets.token_urlsafe(18)
        expires_at = now + timedelta(seconds=PASSWORD_VALID_S)
        self._passwords[reference] = Password(phone_number, client_id, code, expires_at)
        self._deliver(phone_number, Sms(now, message.replace(CODE_PLACEHOLDER, code)))
        _forget_oldest(self._passwords, PASSWORDS_MAX)
        return reference

    def owner(self, client_id: str, reference: str) -> str | None:
        """The number that a password was sent to by this client."""
        password = self._passwords.get(reference)
        return password.phone_number if password is not None and password.client_id == client_id else None

    def try_password(self, reference: str, code: str, now: datetime) -> Verdict:
        """Judge a code. It is spent once it was right, or wrong :data:`ATTEMPTS_MAX` times."""
        password = self._passwords[reference]
        if password.failures >= ATTEMPTS_MAX:
            return Verdict.EXHAUSTED
        if password.spent or password.expires_at <= now:
            return Verdict.EXPIRED
        if hmac.compare_digest(code.encode(), password.code.encode()):
            password.spent = True
            return Verdict.RIGHT
        password.failures += 1
        return Verdict.EXHAUSTED if password.failures >= ATTEMPTS_MAX else Verdict.WRONG

    def _deliver(self, phone_number: str, sms: Sms) -> None:
        self._inboxes.setdefault(phone_number, deque(maxlen=INBOX_MAX)).append(sms)
        self._sent.setdefault(phone_number, deque(maxlen=SENT_WITHIN_HOUR_MAX)).append(sms.at)
        _forget_oldest(self._inboxes, INBOXES_MAX)
        _forget_oldest(self._sent, INBOXES_MAX)


def _forget_oldest(kept: OrderedDict[str, Any], limit: int) -> None:
    if len(kept) > limit:
        kept.popitem(last=False)
