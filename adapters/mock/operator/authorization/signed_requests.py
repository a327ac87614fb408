"""Signed request objects (RFC 9101, CIBA Core 7.1.1) as the CAMARA security profile narrows them."""

from collections.abc import Mapping

from adapters.mock.operator.authorization.assertions import AssertionRules, BadAssertion, verify
from adapters.mock.operator.authorization.clients import Client
from adapters.mock.operator.authorization.errors import OAuthError

REQUEST_TYPES = frozenset({"jwt", "oauth-authz-req+jwt"})
_OF_THE_OBJECT = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})


async def opened(
    client: Client, given: Mapping[str, str], beside: frozenset[str], rules: AssertionRules, *, required: bool
) -> Mapping[str, str]:
    """The parameters that count: those of the object where there is one, else those of the request.

    ``beside`` are parameters that must stand outside as well, and say the same. Whatever else stands outside is not
    read once there is an object: whoever carries the request could have added it.

    Raises:
        OAuthError: ``invalid_request_object``, or ``invalid_request`` where an object is required and there is none.
    """
    if "request_uri" in given:
        raise OAuthError("request_uri_not_supported", "send the request object itself")
    if "request" not in given:
        if required:
            raise OAuthError("invalid_request", "this client must sign its requests")
        return given
    try:
        claims = await verify(given["request"], client.terms.id, client.keys, REQUEST_TYPES, rules)
    except BadAssertion as error:
        raise OAuthError("invalid_request_object", str(error)) from error
    # An object with a subject could be sent again as a client assertion (ICM security profile).
    if "sub" in claims or "request" in claims or "request_uri" in claims:
        raise OAuthError("invalid_request_object", "sub, request and request_uri do not belong into a request object")
    inside = {name: str(value) for name, value in claims.items() if name not in _OF_THE_OBJECT}
    if any(given.get(name) != inside.get(name) for name in beside):
        raise OAuthError("invalid_request_object", "a parameter beside the request object is missing or differs")
    return inside
