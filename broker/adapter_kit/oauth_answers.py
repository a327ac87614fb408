"""What a token endpoint answered: a grant that may be used, or a typed fault. Nothing in between is ever kept."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import msgspec

from broker.adapter_kit.adapter import OperatorFault
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.transport import WireResponse
from broker.adapter_kit.wire import Reader, malformed
from broker.domain.signal import Unavailability

_ERROR = Unavailability.OPERATOR_ERROR
_PERMIT = Unavailability.NOT_PERMITTED

_APPLY = Unavailability.NOT_APPLICABLE
_UNKNOWN = Unavailability.UNKNOWN_SUBSCRIBER

_BY_REASON: Mapping[Unavailability, tuple[str, ...]] = {
    _PERMIT: (
        # Without consent, CAMARA's JWT bearer grant has no better word than this one (ICM profile).
        "invalid_grant",
        "access_denied",
        "consent_required",
        # The person did not answer in time, or the operator wants to know them better than it does.
        "expired_token",
        "unmet_authentication_requirements",
        "insufficient_user_authentication",
        "insufficient_scope",
    ),
    # The network did not recognise the device, and nobody is there to ask.
    _APPLY: ("login_required", "interaction_required", "account_selection_required"),
    _UNKNOWN: ("unknown_user_id",),
    Unavailability.LATE: ("authorization_pending", "slow_down"),
    _ERROR: (
        *("invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type"),
        *("unsupported_response_type", "unsupported_token_type", "invalid_scope", "invalid_target", "invalid_token"),
        *("invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported"),
        *("registration_not_supported", "invalid_authorization_details", "invalid_dpop_proof", "use_dpop_nonce"),
        *("expired_login_hint_token", "missing_user_code", "invalid_user_code", "invalid_binding_message"),
        *("transaction_failed", "server_error", "temporarily_unavailable"),
    ),
}

OAUTH_ERRORS: Mapping[str, Unavailability] = MappingProxyType(
    {code: reason for reason, codes in _BY_REASON.items() for code in codes}
)
"""Every error that the specifications of the four grants know, as a reason (RFC 6749, 7009, 8707, 9101, 9396, 9449,
9470, OpenID Connect Core, CIBA Core)."""

_BEARER = frozenset({"bearer"})
_TTL_S_MAX = 86_400.0
_TOKEN_CHARS_MAX = 8_192
# Defensive: RFC 6750's alphabet and nothing else, so that no token can write a header of its own.
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Granted(msgspec.Struct, frozen=True):
    """A token, and the seconds that it is good for; ``None`` where the operator does not say.

    ``bound`` says that it is of use only with the key of our proof.
    """

    value: str
    ttl_s: float | None
    bound: bool = False

    def __repr__(self) -> str:
        return f"Granted(…, {self.ttl_s} s)"


class _TokenAnswer(msgspec.Struct):
    access_token: str
    token_type: str
    expires_in: int | float | str | None = None
    scope: str | None = None


class _ErrorAnswer(msgspec.Struct):
    error: str | None = None


_TOKENS = Reader(_TokenAnswer)
_ERRORS = Reader(_ErrorAnswer)


def read_grant(
    response: WireResponse, asked: str, token_types: frozenset[str] = _BEARER, *, dpop: bool = False
) -> Granted:
    """The token in a token endpoint's answer (RFC 6749 5.1 and 5.2), once it is proved to be one.

    ``dpop`` says that we showed a key, to which alone a token may be bound.

    Raises:
        OperatorFault: an OAuth error, an error page, a token of another type, or one for less than the scope ``asked``.
            ``token_types`` are the names, in small letters, that mean a bearer token at this operator.
    """
    error = error_in(response)
    if error is not None:
        raise error
    try:
        answer = _TOKENS.read(response.body)
    except OperatorFault as fault:
        raise malformed(KitCode.TOKEN_MALFORMED) from fault
    bound = dpop and answer.token_type.lower() == "dpop"
    if not bound and answer.token_type.lower() not in token_types:
        raise malformed(KitCode.TOKEN_TYPE_UNKNOWN)
    if len(answer.access_token) > _TOKEN_CHARS_MAX or _TOKEN.fullmatch(answer.access_token) is None:
        raise malformed(KitCode.TOKEN_MALFORMED)
    if answer.scope is not None:
        _refuse_less(set(answer.scope.split()), set(asked.split()))
    return Granted(answer.access_token, seconds_of(answer.expires_in), bound)


def error_in(response: WireResponse) -> OperatorFault | None:
    """What an answer says went wrong, ``None`` for a plain 200.

    Defensive: gateways answer with bodies that are not OAuth's; whatever is not a plain 200 is never a token.
    """
    try:
        name = _ERRORS.read(response.body).error
    except OperatorFault:
        name = None
    if name is not None:
        known = name in OAUTH_ERRORS
        reason = OAUTH_ERRORS[name] if known else _ERROR
        return OperatorFault(reason, name if known else KitCode.HTTP_CLIENT_ERROR, status=response.status)
    if response.status == HTTPStatus.OK:
        return None
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return OperatorFault(_ERROR, "TOO_MANY_REQUESTS", status=response.status)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return OperatorFault(_ERROR, KitCode.HTTP_SERVER_ERROR, status=response.status)
    if response.status >= HTTPStatus.BAD_REQUEST:
        return OperatorFault(_ERROR, KitCode.HTTP_CLIENT_ERROR, status=response.status)
    return OperatorFault(Unavailability.MALFORMED, KitCode.UNEXPECTED_STATUS, status=response.status)


def _refuse_less(granted: set[str], asked: set[str]) -> None:
    """Every API scope must be there; the purpose need not be repeated, but no other may stand in its place.

    ``openid`` is asked for because the flow has it; the ID token that it would bring is of no use here.
    """
    purposes_granted, purposes_asked = _purposes(granted), _purposes(asked)
    needed = asked - purposes_asked - {"openid"}
    if not needed <= granted or (purposes_granted and not purposes_asked <= purposes_granted):
        raise OperatorFault(Unavailability.NOT_PERMITTED, KitCode.SCOPE_REDUCED)


def _purposes(scopes: set[str]) -> set[str]:
    """Purposes alone or glued to a scope with ``#``, as some operators write them."""
    return {scope.partition("#")[0] for scope in scopes if scope.startswith("dpv:")}


def seconds_of(expires_in: float | str | None) -> float | None:
    """Seconds; several operators send them as a string. Anything else counts as not said."""
    if isinstance(expires_in, str):
        expires_in = int(expires_in) if re.fullmatch(r"[0-9]{1,9}", expires_in) else None
    return None if expires_in is None else float(min(max(expires_in, 0), _TTL_S_MAX))
