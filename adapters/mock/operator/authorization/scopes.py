"""The scope of a request: exactly one purpose, and API scopes that this operator offers to this kind of token."""

import re

import msgspec

from adapters.mock.operator.authorization.errors import OAuthError

SCOPE_LENGTH_MAX = 2048
PURPOSE_PREFIX = "dpv:"
_SCOPE_TOKENS = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
"""RFC 6749 section 3.3: tokens of printable ASCII, one space between."""


class Granted(msgspec.Struct, frozen=True):
    """One W3C DPV purpose without its prefix, one or more API scopes, and whether an ID token was asked for."""

    purpose: str
    scopes: frozenset[str]
    openid: bool = False

    def __str__(self) -> str:
        return " ".join([*(["openid"] if self.openid else []), PURPOSE_PREFIX + self.purpose, *sorted(self.scopes)])

    @property
    def apis(self) -> frozenset[str]:
        """The APIs that the subscriber must have permitted: not the one about consents, or nobody could mend one."""
        return frozenset(scope.partition(":")[0] for scope in self.scopes) - {"consent-info"}


def grant(requested: object, purposes: frozenset[str], offered: frozenset[str], *, openid: bool = False) -> Granted:
    """Read a requested scope (ICM: exactly one ``dpv:`` purpose beside the API scopes).

    ``openid`` is for the flows of OpenID Connect alone, and may be left out there.

    Raises:
        OAuthError: ``invalid_scope``, with the rule that was broken.
    """
    if not isinstance(requested, str) or len(requested) > SCOPE_LENGTH_MAX or not _SCOPE_TOKENS.fullmatch(requested):
        raise OAuthError("invalid_scope", "scope is missing or malformed")
    tokens = set(requested.split(" "))
    named = {token for token in tokens if token.startswith(PURPOSE_PREFIX)}
    scopes = tokens - named - ({"openid"} if openid else set())
    if len(named) != 1:
        raise OAuthError("invalid_scope", "exactly one dpv: purpose is needed")
    purpose = named.pop().removeprefix(PURPOSE_PREFIX)
    if purpose not in purposes:
        raise OAuthError("invalid_scope", "this purpose was not agreed")
    if not scopes:
        raise OAuthError("invalid_scope", "no API scope is named")
    if not scopes <= offered:
        raise OAuthError("invalid_scope", "a scope is unknown or not offered to this kind of token")
    return Granted(purpose, frozenset(scopes), openid and "openid" in tokens)
