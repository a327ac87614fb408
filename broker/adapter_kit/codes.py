"""The kit's own codes: what went wrong between us and an operator, besides what CAMARA and OAuth have words for.

``Unavailable.code`` is always one of these, one of CAMARA's (:mod:`broker.adapter_kit.camara.errors`) or one of OAuth's
(:mod:`broker.adapter_kit.oauth_answers`); an operator's own text never becomes a code.
"""

from enum import StrEnum


class KitCode(StrEnum):
    """Closed list. The comment of each group names the reason that its codes come with."""

    # timeout
    DEADLINE = "DEADLINE"
    """No time was left to ask."""
    ATTEMPT_TIMEOUT = "ATTEMPT_TIMEOUT"
    """The operator was asked and did not finish in the time that one call has."""
    CONNECT_TIMEOUT = "CONNECT_TIMEOUT"
    """No connection came about in time; the operator has not seen the request."""
    POOL_TIMEOUT = "POOL_TIMEOUT"
    """Every connection to this operator stayed busy."""

    # operator_error
    CONNECT_FAILED = "CONNECT_FAILED"
    """Refused, unresolvable, or TLS failed; the operator has not seen the request."""
    CONNECTION_LOST = "CONNECTION_LOST"
    """The connection broke while the request or the answer was under way."""
    PROTOCOL_BROKEN = "PROTOCOL_BROKEN"
    """What came back is not HTTP."""
    REQUEST_REFUSED = "REQUEST_REFUSED"
    """The HTTP client would not send the request: an impossible URL or header, which is our mistake."""
    REDIRECTED = "REDIRECTED"
    """The operator pointed elsewhere; nothing follows."""
    TRANSPORT_FAILED = "TRANSPORT_FAILED"
    """The HTTP client failed in a way that it does not name."""
    HTTP_CLIENT_ERROR = "HTTP_CLIENT_ERROR"
    """A 4xx that says no more."""
    HTTP_SERVER_ERROR = "HTTP_SERVER_ERROR"
    """A 5xx that says no more."""
    BULKHEAD_FULL = "BULKHEAD_FULL"
    """As many calls to this operator are under way as we allow; it was not asked."""
    INTERNAL = "INTERNAL"
    """Our own code failed on this answer; also CAMARA's word for an operator's 500."""

    # The reason of the same name:
    BREAKER_OPEN = "BREAKER_OPEN"
    """This API failed too often of late and rests; it was not asked."""

    # malformed
    RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
    CONTENT_ENCODED = "CONTENT_ENCODED"
    UNEXPECTED_STATUS = "UNEXPECTED_STATUS"
    """A success or an informational status other than the one that the API documents."""
    NOT_JSON = "NOT_JSON"
    DUPLICATE_MEMBER = "DUPLICATE_MEMBER"
    WRONG_TYPE = "WRONG_TYPE"
    """A required member is missing or has another type than the API documents."""
    ABSURD_DATE = "ABSURD_DATE"
    ABSURD_VALUE = "ABSURD_VALUE"
    CORRELATOR_MISMATCH = "CORRELATOR_MISMATCH"
    MEDIA_TYPE_UNKNOWN = "MEDIA_TYPE_UNKNOWN"
    """The answer says that it is no JSON, whatever it looks like."""
    OTHER_SUBJECT = "OTHER_SUBJECT"
    """The answer names another number than the one that was asked about."""
    TOKEN_MALFORMED = "TOKEN_MALFORMED"  # noqa: S105 - a code, not a secret
    TOKEN_TYPE_UNKNOWN = "TOKEN_TYPE_UNKNOWN"  # noqa: S105 - a code, not a secret

    BACKCHANNEL_MALFORMED = "BACKCHANNEL_MALFORMED"
    """A backchannel answer without a request id that could be asked for again."""
    CALLBACK_FORGED = "CALLBACK_FORGED"
    """An answer came back with another ``state`` or ``iss`` than the ceremony was started with, or without a code."""

    # late
    PERSON_ASKED = "PERSON_ASKED"
    """The person was asked on the phone and has not answered yet; ask again later."""

    # not_permitted
    SCOPE_REDUCED = "SCOPE_REDUCED"
    """The token carries fewer scopes, or another purpose, than asked for."""
    PURPOSE_INVALID = "PURPOSE_INVALID"
    DISCLOSURE_OFF = "DISCLOSURE_OFF"
    """The API tells personal data in clear, and the deployment has not switched it on for this operator."""
    NOT_GRANTED = "NOT_GRANTED"
    """The tenant has not asked to see personal data with this instrument for this purpose."""

    # not_applicable
    NO_MONITORED_PERIOD = "NO_MONITORED_PERIOD"
    """No date, and the operator does not say for how long it would have known one."""
    NO_DATE = "NO_DATE"
    """The operator holds no date for this line, in a form that says nothing about the past."""
    NO_LOCATION_GIVEN = "NO_LOCATION_GIVEN"
    NO_OPERATOR_TOKEN = "NO_OPERATOR_TOKEN"  # noqa: S105 - a code, not a secret
    NO_CEREMONY = "NO_CEREMONY"
    """It takes a ceremony on the person's device first, and none was held."""
    CEREMONY_OVER = "CEREMONY_OVER"
    """The answer came after the time that a ceremony has."""
    LOCATION_UNKNOWN = "LOCATION_UNKNOWN"
    RADIUS_TOO_LARGE = "RADIUS_TOO_LARGE"
    NO_DAY_GIVEN = "NO_DAY_GIVEN"
    """The caller does not say since when the number belongs to the person."""
    FUTURE_DAY = "FUTURE_DAY"
    """The day that the caller gave is still to come, in every zone."""
    NO_CLAIMS_GIVEN = "NO_CLAIMS_GIVEN"
    NO_AGE_GIVEN = "NO_AGE_GIVEN"
    NOT_ON_FILE = "NOT_ON_FILE"
    """The operator holds nothing to compare with."""
    STATUS_UNKNOWN = "STATUS_UNKNOWN"
    """The network answers that it does not know."""

    # unsupported
    NOT_OFFERED = "NOT_OFFERED"
    """The operator's manifest does not have this API, or not this operation of it."""
    SUBJECT_UNPROVEN = "SUBJECT_UNPROVEN"
    """Offered over a grant that names whoever holds the device, for an API that does not compare it with the number:
    its answer could be about anybody, so it is not asked."""
    CLIENT_AUTH_NOT_BUILT = "CLIENT_AUTH_NOT_BUILT"
    """Offered to clients that prove themselves in a way that the kit does not know yet."""
