"""The credential of a request, the same for every surface."""

from collections.abc import Mapping
from typing import Any

from broker.domain.credential import Presented
from broker.errors import NotAuthenticated
from broker.surfaces.tls import certificate_of


def credential(scope: Mapping[str, Any]) -> Presented:
    """What an HTTP request (ASGI scope) brings to say who is calling.

    Raises:
        NotAuthenticated: there are several Authorization headers. Defensive: a proxy may have judged the first and we
            the last.
    """
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(found) > 1:
        raise NotAuthenticated("send one Authorization header")
    return Presented(
        authorization=found[0].decode("latin-1") if found else None,
        proofs=tuple(value.decode("latin-1") for name, value in scope["headers"] if name == b"dpop"),
        method=scope["method"],
        path=scope["path"],
        certificate=certificate_of(scope),
    )


def challenge(error: NotAuthenticated, public_url: str, path: str) -> dict[str, str]:
    """The headers of a 401 (RFC 6750 3, RFC 9449 7.1, RFC 9728 5.1): how to get in, and what was wrong."""
    place, scope = ("/mcp", ', scope="trust:check"') if path.startswith("/mcp") else ("", "")
    where = f'resource_metadata="{public_url}/.well-known/oauth-protected-resource{place}"{scope}'
    why = f', error="{error.error}"' if error.error else ""
    possession = error.error in {"use_dpop_nonce", "invalid_dpop_proof"}
    bearer = f'Bearer realm="trust-broker", {where}' + ("" if possession else why)
    dpop = 'DPoP algs="ES256 ES384 PS256 RS256 Ed25519"' + (why if possession else "")
    headers = {"WWW-Authenticate": f"{dpop}, {bearer}" if possession else f"{bearer}, {dpop}"}
    return headers | ({"DPoP-Nonce": error.nonce} if error.nonce else {})
