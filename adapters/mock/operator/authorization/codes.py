"""Authorization codes: each once, and a second use is noticed."""

import hashlib
import secrets
from collections import OrderedDict
from datetime import datetime

import msgspec

from adapters.mock.operator.authorization.scopes import Granted
from adapters.mock.operator.authorization.tickets import Subject

CODES_MAX = 10_000


class Code(msgspec.Struct, frozen=True):
    """What an authorization code stands for. ``token`` is set once it was used."""

    client_id: str
    redirect_uri: str
    challenge: str
    granted: Granted
    subject: Subject
    nonce: str | None
    expires_at: datetime
    token: str | None = None

    def __repr__(self) -> str:  # the number and the token stay out of logs
        return f"Code({self.client_id}, {self.granted})"


class Codes:
    """The codes given out, by their hash; used ones stay, so that a second use is noticed."""

    def __init__(self) -> None:
        self._codes: OrderedDict[bytes, Code] = OrderedDict()

    def issue(self, code: Code) -> str:
        """Keep a code under a name of 256 random bits."""
        value = secrets.token_urlsafe(32)
        self._codes[_digest(value)] = code
        if len(self._codes) > CODES_MAX:
            self._codes.popitem(last=False)
        return value

    def find(self, value: str) -> Code | None:
        """The code of this name, used or not."""
        return self._codes.get(_digest(value))

    def spent(self, value: str, token: str) -> None:
        """Remember which token a code was good for."""
        key = _digest(value)
        if key in self._codes:
            self._codes[key] = msgspec.structs.replace(self._codes[key], token=token)

    def clear(self) -> None:
        """Forget every code."""
        self._codes.clear()


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
