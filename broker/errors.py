"""The error tree. The class tells the caller what to do; a failed check is never an error, it is a decision.

::

    BrokerError
    ├── InvalidRequest        change the request (400); carries one pointer per fault
    ├── NotAuthenticated      present a valid credential (401)
    ├── NotPermitted          ask for another scope, purpose or action (403)
    │   └── DisclosureRefused look at the code: a grant, a switch or the person's consent is missing
    ├── NotFound              the thing is not there, or not yours (404)
    ├── Erased                it was there, and was erased for good (410)
    ├── Conflict              wait, then look at what is there (409)
    ├── AccessRequestRefused  look at the code: the denial is another one, over, or not for a human to change (400)
    ├── ReceiptRefused        look at the code: ask again, or stop; the receipt permits nothing (409)
    ├── IdempotencyMismatch   use another key, or the first body again (422)
    ├── Overloaded            come back after ``retry_after_s`` (503)
    ├── TooManyRequests       slow down, for ``retry_after_s`` (429)
    │   └── QuotaExceeded     a quota or a budget is used up; names it
    ├── Unrecorded            nothing was decided, for no record could be written; retry (503)
    ├── Misconfigured         fix a file or a setting; names the file and the key; raised at start
    └── OperatorFault         an operator gave no usable answer; never leaves the adapter, becomes a signal

Each error carries a text that is safe to show (``str(error)``) and a stable ``code``; causes travel as ``__cause__``
and are never shown. Numbers, tokens and operator texts do not belong in either.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing wrong with a request: a JSON pointer (RFC 6901) and a sentence that says what to do."""

    pointer: str
    detail: str


class LineFault(NamedTuple):
    """One thing wrong with a written document: a JSON pointer into it, its line (from 1), and what to change."""

    pointer: str
    line: int
    detail: str


class BrokerError(Exception):
    """Base of everything that this package raises on purpose."""

    code: str = "INTERNAL"


class InvalidRequest(BrokerError):
    """The request cannot be understood; retrying it unchanged will fail again."""

    code = "INVALID_REQUEST"

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class NotAuthenticated(BrokerError):
    """No credential, or one that is unknown, expired or revoked. The three look alike on purpose.

    ``error`` is what OAuth calls it (RFC 6750 3.1, RFC 9449 7.1), ``nonce`` what the next proof has to carry.
    """

    code = "UNAUTHENTICATED"

    def __init__(self, detail: str, *, error: str | None = None, nonce: str | None = None) -> None:
        super().__init__(detail)
        self.error = error
        self.nonce = nonce


class NotPermitted(BrokerError):
    """The credential is good and does not allow this; ``scope`` is what it lacks, where that is why."""

    code = "NOT_PERMITTED"

    def __init__(self, detail: str, *, scope: str | None = None) -> None:
        super().__init__(detail)
        self.scope = scope


class DisclosureRefused(NotPermitted):
    """Nothing is told in clear; the code is one of :class:`broker.domain.disclosure.DisclosureFault` or a permit's."""

    code = "DISCLOSURE_REFUSED"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = str(code)


class NotFound(BrokerError):
    """Absent, or another tenant's: from outside there is no difference."""

    code = "NOT_FOUND"


class Erased(BrokerError):
    """It was there; the key that it was sealed with has been destroyed, and nobody can read it any more."""

    code = "ERASED"

    def __init__(self, detail: str = "this was erased, and nobody can read it any more") -> None:
        super().__init__(detail)


class Conflict(BrokerError):
    """Something else is in the way now; it may not be later."""

    code = "CONFLICT"

    def __init__(self, detail: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ReceiptRefused(BrokerError):
    """The receipt cannot be used, or not any more; the code is one of :class:`broker.domain.receipt.ReceiptFault`."""

    code = "RECEIPT_REFUSED"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = str(code)


class AccessRequestRefused(BrokerError):
    """A request for access is not taken; the code is one of AuthZEN's access-request profile."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class IdempotencyMismatch(BrokerError):
    """The idempotency key was first used with another body."""

    code = "IDEMPOTENCY_MISMATCH"


class Overloaded(BrokerError):
    """More work than the limits allow; nothing was started."""

    code = "OVERLOADED"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TooManyRequests(BrokerError):
    """The caller asks more than it may, or goes about it as nobody does who serves people; nothing was started."""

    code = "TOO_MANY_REQUESTS"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class QuotaExceeded(TooManyRequests):
    """A quota or a budget is used up; ``quota`` names it, of ``limit`` in ``window_s`` seconds. Nothing was started."""

    code = "QUOTA_EXCEEDED"

    def __init__(self, quota: str, limit: int, window_s: int, *, retry_after_s: int) -> None:
        super().__init__(f"the quota {quota} is used up", retry_after_s=retry_after_s)
        self.quota = quota
        self.limit = limit
        self.window_s = window_s


class Unrecorded(BrokerError):
    """No durable record could be written, so no decision exists."""

    code = "NOT_RECORDED"

    def __init__(self, detail: str = "No durable record could be written; nothing was decided. Retry.") -> None:
        super().__init__(detail)
        self.retry_after_s = 1


class Misconfigured(BrokerError):
    """The deployment, or a document in it, is wrong; says which file, which key, and the fix.

    ``faults`` are the same, one by one, where they have places in a document.
    """

    code = "MISCONFIGURED"

    def __init__(self, detail: str, faults: Sequence[LineFault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


def origin(error: BaseException) -> str:
    """Where an error was raised, as ``file.py:line``: what may be logged of one whose words may hold anything."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "unknown"
