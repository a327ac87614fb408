"""Errors of the authorization server (RFC 6749 5.2 and 4.1.2.1, CIBA Core 11 and 13, RFC 9101, RFC 9449)."""

from typing import Literal

OAuthCode = Literal[
    "access_denied",
    "authorization_pending",
    "consent_required",
    "expired_token",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_request_object",
    "invalid_scope",
    "login_required",
    "request_not_supported",
    "request_uri_not_supported",
    "slow_down",
    "unauthorized_client",
    "unknown_user_id",
    "unsupported_grant_type",
    "unsupported_response_type",
    "use_dpop_nonce",
]


class OAuthError(Exception):
    """A request is refused. ``invalid_client`` is 401, everything else 400 unless ``status`` says otherwise.

    ``description`` is for whoever integrates and never repeats what was sent; ``challenge`` is ``WWW-Authenticate``,
    ``nonce`` the one that the next proof of possession must carry.
    """

    def __init__(
        self,
        code: OAuthCode,
        description: str,
        *,
        challenge: str | None = None,
        nonce: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.challenge = challenge
        self.nonce = nonce
        self._status = status

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._status or (401 if self.code == "invalid_client" else 400)

    @property
    def headers(self) -> dict[str, str]:
        """The header fields that belong to it."""
        given = {"www-authenticate": self.challenge, "dpop-nonce": self.nonce}
        return {name: value for name, value in given.items() if value is not None}
