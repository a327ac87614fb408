"""One exchange with the broker, with its repetitions, written once and without any I/O.

An operation is a generator: it yields what to do next, an :class:`Ask` or a :class:`Pause`, and is sent what came of
it. Two short drivers do the work, one blocking and one not (``_client.py``), so there is one set of rules for both.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

from broker.client import _members
from broker.client._allowances import allowances
from broker.client._errors import AnswerMalformed, BrokerRefused, BrokerUnreachable

BODY_BYTES_MAX = 1024 * 1024
_SUCCESS = frozenset({200, 201, 202})
_TRY_LATER = frozenset({429, 503})
_FAILED_ON_THE_WAY = frozenset({500, 502, 504})
_UNAUTHORIZED, _STILL_RUNNING = 401, 409
_LEAST_S = 0.001
_RENEWALS_MAX = 2  # a nonce that is wanted, and a token that is over


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send. ``again`` when sending it twice does no more than sending it once."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    timeout_s: float
    again: bool


class Reply(NamedTuple):
    """What came back, whole. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Silence(NamedTuple):
    """Nothing came back, or not all of it. ``arrived`` is false where the request cannot have reached the broker."""

    kind: str
    arrived: bool


class Pause(NamedTuple):
    """Do nothing for so long."""

    seconds: float


Told = Reply | Silence | None
_T = TypeVar("_T")
Work = Generator[Ask | Pause, Told, _T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and for how long the client asks again where there was no answer; a decision is never asked away.

    Pauses double from ``first_pause_s`` up to ``pause_max_s``, with jitter; the broker's ``Retry-After`` comes first.
    All attempts and pauses together end within ``total_s``.
    """

    attempts: int = 3
    first_pause_s: float = 0.1
    pause_max_s: float = 5.0
    total_s: float = 20.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= 10 or min(self.first_pause_s, self.pause_max_s, self.total_s) < 0:  # noqa: PLR2004
            raise ValueError("attempts are 1 to 10, and no time is negative")


class Surroundings(NamedTuple):
    """What makes two runs differ: seconds on a clock that never goes back, and numbers from 0 to 1."""

    monotonic_s: Callable[[], float]
    jitter: Callable[[], float]


class Credential(Protocol):
    """Gives the headers that authorise one request; may ask an authorization server on the way."""

    def headers(self, ask: Ask) -> Work[Mapping[str, str]]:
        """The headers for one sending of this request."""
        ...

    def renews(self, reply: Reply) -> bool:
        """Told that a request with these headers was a 401: whether new headers may do better."""
        ...


def exchange(ask: Ask, credential: Credential, retry: Retry, around: Surroundings) -> Work[Reply]:
    """Send until there is an answer; what is no success is raised.

    Raises:
        BrokerRefused: the broker answered with a problem document.
        BrokerUnreachable: there was no answer, after all attempts.
    """
    ends_s = around.monotonic_s() + retry.total_s
    attempt = renewals = 0
    while True:
        proof = yield from credential.headers(ask)
        left_s = max(_LEAST_S, min(ask.timeout_s, ends_s - around.monotonic_s()))
        told = yield replace(ask, headers={**ask.headers, **proof}, timeout_s=left_s)
        attempt += 1
        if isinstance(told, Reply) and told.status in _SUCCESS:
            return told
        refused = told if isinstance(told, Reply) and told.status == _UNAUTHORIZED else None
        if refused and renewals < _RENEWALS_MAX and credential.renews(refused):
            renewals, attempt = renewals + 1, attempt - 1
            continue
        pause_s = _pause(told, ask, attempt, retry, around)
        if pause_s is None or attempt >= retry.attempts or around.monotonic_s() + pause_s >= ends_s:
            raise _error(told)
        yield Pause(pause_s)


def _pause(told: Told, ask: Ask, attempt: int, retry: Retry, around: Surroundings) -> float | None:
    """How long to wait before asking again; None where asking again cannot help or could do harm."""
    backoff_s: float = min(retry.pause_max_s, retry.first_pause_s * 2 ** (attempt - 1)) * (0.5 + around.jitter() / 2)
    if not isinstance(told, Reply):
        return backoff_s if told is not None and (ask.again or not told.arrived) else None
    if told.status in _TRY_LATER or (told.status == _STILL_RUNNING and "retry-after" in told.headers and ask.again):
        wanted_s = retry_after_s(told)
        return backoff_s if wanted_s is None else wanted_s
    return backoff_s if told.status in _FAILED_ON_THE_WAY and ask.again else None


def retry_after_s(reply: Reply) -> float | None:
    """What ``Retry-After`` says, where it is a number of seconds; the broker writes no dates there."""
    said = reply.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() else None


def _error(told: Told) -> BrokerRefused | BrokerUnreachable:
    if not isinstance(told, Reply):
        return BrokerUnreachable(f"no answer from the broker ({told.kind if told else 'nothing was sent'})")
    try:
        members = _members.decoded(told.body)
        code, detail = _members.text(members, "code"), _members.text(members, "detail")
    except AnswerMalformed:
        # A proxy on the way, or no broker at all: its text is nobody's business.
        return BrokerUnreachable(f"status {told.status} without a problem document; is this a trust broker?")
    left = allowances(told.headers)
    return BrokerRefused(told.status, code, detail, _members.faults(members), retry_after_s(told), left)
