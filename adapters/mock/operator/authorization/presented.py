"""What comes with a request to the authorization server: a form, and the ways in which its sender proves itself."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from adapters.mock.operator.authorization.errors import OAuthError

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
FIELDS_MAX = 20
CERTIFICATE_KEY = "client_certificate"
"""Where the server puts the certificate of a connection (DER) into the state of each of its requests."""


class Presented(msgspec.Struct, frozen=True):
    """A request. ``url`` is this operator's own name for the endpoint, whatever the ``host`` header said."""

    url: str
    form: Mapping[str, str]
    authorization: str | None = None
    proof: str | None = None
    certificate: bytes | None = None

    def __repr__(self) -> str:  # credentials stay out of logs
        return f"Presented({self.url})"


async def present(url: str, request: Any) -> Presented:
    """Read a request whose body is a form.

    Raises:
        OAuthError: the body is no form, or says something twice.
    """
    form = _read_form(request.headers.get("content-type", ""), await request.body())
    return Presented(url, form, request.headers.get("authorization"), single_proof(request), certificate_of(request))


def certificate_of(request: Any) -> bytes | None:
    """The certificate of the connection, where it is mutual TLS."""
    found = request.scope.get("state", {}).get(CERTIFICATE_KEY)
    return found if isinstance(found, bytes) else None


def single_proof(request: Any) -> str | None:
    """The DPoP header; two of them are one that cannot be read (RFC 9449 section 4.3)."""
    proofs: list[str] = request.headers.getall("dpop", [])
    return None if not proofs else ", ".join(proofs)


def read_parameters(text: str) -> dict[str, str]:
    """Parameters of a form or a query.

    Raises:
        OAuthError: they cannot be read, or one is repeated.
    """
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=FIELDS_MAX, errors="strict")
    except ValueError as error:
        raise OAuthError("invalid_request", "the parameters are not a form") from error
    form = dict(pairs)
    # RFC 6749 section 3.2: parameters must not be repeated. Two readers could each believe another one.
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter is repeated")
    return form


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
        raise OAuthError("invalid_request", f"the body must be {FORM_MEDIA_TYPE}")
    try:
        return read_parameters(body.decode())
    except UnicodeDecodeError as error:
        raise OAuthError("invalid_request", "the body is not a form") from error
