"""What an answer says about the health of the one who gave it, judged by its reason and code alone."""

from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.instruments import Refused
from broker.domain.signal import Signal, Unavailability, Unavailable

THROTTLED = "TOO_MANY_REQUESTS"
QUOTA_USED_UP = "QUOTA_EXCEEDED"

_SERVER_FAILED = frozenset(
    {
        *(KitCode.CONNECT_FAILED, KitCode.CONNECTION_LOST, KitCode.PROTOCOL_BROKEN, KitCode.REDIRECTED),
        *(KitCode.TRANSPORT_FAILED, KitCode.HTTP_SERVER_ERROR, KitCode.INTERNAL),
        *("BAD_GATEWAY", "UNAVAILABLE", "TIMEOUT", "server_error", "temporarily_unavailable"),
    }
)
_OURS = frozenset(
    {
        *(KitCode.POOL_TIMEOUT, KitCode.REQUEST_REFUSED, KitCode.BULKHEAD_FULL, KitCode.DEADLINE),
        *(THROTTLED, QUOTA_USED_UP),
    }
)
_NOT_ASKED = frozenset({Unavailability.BREAKER_OPEN, Unavailability.LATE, Unavailability.SKIPPED})
_AGAIN = frozenset(
    {
        *(KitCode.CONNECT_FAILED, KitCode.CONNECT_TIMEOUT, KitCode.ATTEMPT_TIMEOUT),
        *("BAD_GATEWAY", "UNAVAILABLE", "TIMEOUT"),
    }
)


def failed(answer: object, elapsed_s: float, patience_s: float) -> bool | None:
    """Whether the operator failed; ``None`` where the answer tells nothing about it.

    A timeout counts only after ``patience_s``, and not at all where the caller's own deadline ended the call, which
    :class:`AttemptTimeout` writes as ``DEADLINE``. Defensive: otherwise a tenant with short deadlines could make an
    operator look dead to everybody else.
    """
    if not isinstance(answer, Unavailable | Refused):
        return False
    if answer.reason in _NOT_ASKED or answer.code in _OURS:
        return None
    if answer.reason is Unavailability.TIMEOUT:
        return True if answer.code == KitCode.CONNECT_TIMEOUT or elapsed_s >= patience_s else None
    if answer.reason is Unavailability.MALFORMED:
        return True
    return answer.reason is Unavailability.OPERATOR_ERROR and answer.code in _SERVER_FAILED


def worth_another(answer: Signal) -> bool:
    """Whether the same question may find a better answer at once: connect errors, 502, 503, 504 and timeouts."""
    return (
        isinstance(answer, Unavailable)
        and answer.reason in {Unavailability.OPERATOR_ERROR, Unavailability.TIMEOUT}
        and answer.code in _AGAIN
    )
