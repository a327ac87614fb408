"""What a grant comes to: a scope, and the subscriber that it is about."""

import msgspec

from adapters.mock.operator.authorization.scopes import Granted


class Subject(msgspec.Struct, frozen=True):
    """A subscriber of this operator, and how it was authenticated: by its SIM, or not at all."""

    phone_number: str
    amr: frozenset[str] = frozenset()

    def __repr__(self) -> str:  # the number stays out of logs
        return f"Subject({sorted(self.amr)})"


class Ticket(msgspec.Struct, frozen=True):
    """What a token is made from. Without a subject it will be two-legged.

    ``code`` is the authorization code that it was got with, ``nonce`` what the ID token must repeat.
    """

    granted: Granted
    subject: Subject | None = None
    nonce: str | None = None
    code: str | None = None

    def __repr__(self) -> str:  # the code stays out of logs
        return f"Ticket({self.granted})"
