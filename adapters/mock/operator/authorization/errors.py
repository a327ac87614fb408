"""Errors of the token endpoint (RFC 6749 section 5.2)."""

from typing import Literal

OAuthCode = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
]


class OAuthError(Exception):
    """The token request is refused. ``invalid_client`` is 401, everything else 400.

    ``description`` is for whoever integrates and never repeats what was sent; ``challenge`` is ``WWW-Authenticate``.
    """

    def __init__(self, code: OAuthCode, description: str, *, challenge: str | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.challenge = challenge

    @property
    def status(self) -> int:
        """The HTTP status."""
        return 401 if self.code == "invalid_client" else 400
