"""The error tree of the client. Whichever of them is raised, no decision was obtained: whoever asked must not act.

::

    ClientError
    ├── BrokerUnreachable   no answer, or not all of it in time; ask again later
    ├── BrokerRefused       a problem document (RFC 9457): read ``code``, ``faults`` and ``retry_after_s``
    ├── AnswerMalformed     something answered that is not a trust broker, or not one of this contract
    └── ReceiptInvalid      the receipt must not be relied on; the text says why
"""

from broker.client._allowances import Allowance


class ClientError(Exception):
    """No decision was obtained. Whoever asked must not act."""


class BrokerUnreachable(ClientError):
    """The broker did not answer in time, or at all."""


class BrokerRefused(ClientError):
    """The broker answered with a problem document (RFC 9457); ``code`` is stable, ``faults`` name what to change.

    ``faults`` are pairs of a JSON pointer into the request and a sentence; ``retry_after_s`` is when to come back,
    where the broker said so, and ``allowances`` which quota is used up.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        faults: tuple[tuple[str, str], ...] = (),
        retry_after_s: float | None = None,
        allowances: tuple[Allowance, ...] = (),
    ) -> None:
        where = "".join(f"\n  {pointer or '/'}: {text}" for pointer, text in faults)
        super().__init__(f"{status} {code}: {detail}{where}")
        self.status = status
        self.code = code
        self.faults = faults
        self.retry_after_s = retry_after_s
        self.allowances = allowances


class AnswerMalformed(ClientError):
    """What came is no answer of a trust broker."""


class ReceiptInvalid(ClientError):
    """The receipt must not be relied on; the text says why."""
