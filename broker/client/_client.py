"""The two clients: the same operations, driven over httpx in a blocking way and in an asynchronous one."""

import os
import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypedDict, TypeVar, Unpack

import anyio
import httpx

from broker.client._action import Action
from broker.client._answers import Answer, Challenge, Consumed, JourneyStep, Outcome, Review
from broker.client._credentials import ApiKey
from broker.client._disclosures import Disclosed, Grant
from broker.client._errors import ClientError
from broker.client._exchange import Ask, Credential, Reply, Retry, Silence, Surroundings, Told, Work
from broker.client._operations import DEFAULT_PURPOSE, About, Given, Operations, Question, Terms
from broker.client._sending import SAFE, Intake, Unwanted, request, silence

_T = TypeVar("_T")


class Options(TypedDict, total=False):
    """How a client goes about it, all of it optional.

    ``timeout_s`` bounds one attempt; keep it above the longest deadline that is sent. ``language`` is that of
    explanations in words, e.g. ``es``.
    """

    timeout_s: float
    retry: Retry
    language: str | None


class TrustBroker:
    """A connection to one broker. Use it as a context manager, or call :meth:`close`. Threads may share it.

    Every method raises a ``ClientError`` where no decision was obtained, and then nothing may be done.
    """

    def __init__(
        self,
        url: str,
        credential: str | Credential,
        *,
        transport: httpx.BaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        """``credential`` is a key of the broker, or one of the other credentials of this package."""
        self.operations = _operations(credential, options)
        self._http = httpx.Client(base_url=_address(url), transport=transport, **SAFE)

    @classmethod
    def from_environment(cls, **options: Unpack[Options]) -> Self:
        """By ``TRUST_BROKER_URL``, ``TRUST_BROKER_KEY`` and, if it is there, ``TRUST_BROKER_TIMEOUT_S``.

        Raises:
            ValueError: one of them is missing or is none.
        """
        url, key, given = _environment(options)
        return cls(url, key, **given)

    def check(self, phone_number: str, action: str, **about: Unpack[About]) -> Answer:
        """Ask whether ``action`` may be done for ``phone_number`` now; :class:`About` says what may be added.

        Raises:
            BrokerRefused: the broker refused the question.
            BrokerUnreachable: there was no answer.
        """
        return self.run(self.operations.check(phone_number, action, about))

    def check_many(self, questions: Sequence[Question]) -> list[Answer | ClientError]:
        """Ask many questions; in their order, each has its answer or the error that stands in its place.

        Nothing is raised: one that the broker refused or did not answer must not cost the answers of the others.
        """
        return self.run(self.operations.check_many(questions))

    def read(self, check_id: str) -> Answer:
        """A check that was decided earlier, as it stands now and as this caller may see it."""
        return self.run(self.operations.read(check_id))

    def wait(self, check_id: str, *, up_to_s: float = 60.0) -> Answer:
        """Wait while a challenge or a review is open; the answer may still be pending when the time is over."""
        return self.run(self.operations.wait(check_id, up_to_s))

    def journey(self, check_id: str) -> tuple[JourneyStep, ...]:
        """The checks that share a conversation with this one, earliest first, whichever agent or channel asked."""
        return self.run(self.operations.journey(check_id))

    def report_outcome(self, check_id: str, outcome: str) -> Outcome:
        """Say what a check turned out to be: ``fraud``, ``genuine``, or ``unknown`` to take an earlier word back."""
        return self.run(self.operations.report_outcome(check_id, outcome))

    def start_challenge(self, check_id: str, method: str, phone_number: str) -> Challenge:
        """Start one of the challenges that a check offers; the number once more, for the broker does not keep it."""
        return self.run(self.operations.start_challenge(check_id, method, phone_number))

    def read_challenge(self, check_id: str, challenge_id: str) -> Challenge:
        """A challenge as it stands now, without its link."""
        return self.run(self.operations.read_challenge(check_id, challenge_id))

    def answer_challenge(self, check_id: str, challenge_id: str, **given: Unpack[Given]) -> Challenge:
        """Answer a challenge with what the person gave. Each answer costs an attempt, right or wrong."""
        return self.run(self.operations.answer_challenge(check_id, challenge_id, given))

    def request_review(self, check_id: str, justification: str = "") -> Review:
        """Ask for a human where a check offers one; ``justification`` is shown to them last, as plain text."""
        return self.run(self.operations.request_review(check_id, justification))

    def consume_receipt(self, receipt: str, action: Action) -> Consumed:
        """Use a receipt, once, right before doing ``action``: of all who try, one gets an answer and may act.

        Raises:
            BrokerRefused: it was used, is over, was taken back, or is for another action; ``code`` says which.
            BrokerUnreachable: whether it was used is not known. Do not act.
        """
        return self.run(self.operations.consume_receipt(receipt, action))

    def grant_disclosure(self, disclosure: str, purpose: str, reason: str, expires_at: datetime) -> Grant:
        """Let the back ends of this tenant be told ``location_area`` or ``identity_record`` in clear; a year at most.

        Raises:
            BrokerRefused: the purpose covers nothing of this, the end makes no sense, or this credential may not grant.
        """
        return self.run(self.operations.grant_disclosure(disclosure, purpose, reason, expires_at))

    def disclosure_grants(self) -> tuple[Grant, ...]:
        """Every grant of this tenant, latest first, those that are over too."""
        return self.run(self.operations.disclosure_grants())

    def withdraw_disclosure(self, grant_id: str) -> Grant:
        """Take a grant back, from the next order on; doing it twice is doing it once."""
        return self.run(self.operations.withdraw_disclosure(grant_id))

    def disclose_location(
        self,
        phone_number: str,
        purpose: str = DEFAULT_PURPOSE,
        *,
        max_age_s: int | None = None,
        max_surface_m2: int | None = None,
    ) -> Disclosed:
        """Where a phone is, in clear. Each order may cost money, and is in the log; what is told is kept nowhere.

        Raises:
            BrokerRefused: somebody does not want it; ``code`` says who: ``NOT_GRANTED``, ``NOT_DISCLOSED``, the person.
            BrokerUnreachable: there was no answer, though the operator may have been asked.
        """
        return self.run(self.operations.disclose_location(phone_number, purpose, max_age_s, max_surface_m2))

    def disclose_identity(
        self, phone_number: str, attributes: Sequence[str], purpose: str = DEFAULT_PURPOSE
    ) -> Disclosed:
        """What the operator has on file about a person, in clear, by CAMARA's names; as :meth:`disclose_location`."""
        return self.run(self.operations.disclose_identity(phone_number, attributes, purpose))

    def keys(self) -> dict[str, Any]:
        """The public keys of receipts, as a JWK set."""
        return self.run(self.operations.keys())

    def call(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Any other operation of the published contract; its answer as decoded JSON."""
        return self.run(self.operations.call(method, path, members))

    def run(self, work: Work[_T]) -> _T:
        """Drive an operation to its result."""
        told: Told = None
        while True:
            try:
                step = work.send(told)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Ask):
                told = self._send(step)
            else:
                told = None
                time.sleep(step.seconds)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, ask: Ask) -> Reply | Silence:
        intake = Intake(ask.timeout_s)
        try:
            with self._http.stream(**request(ask)) as response:
                intake.begin(response)
                for piece in response.iter_bytes():
                    intake.take(piece)
                return intake.reply(response)
        except (httpx.HTTPError, httpx.StreamError, Unwanted) as error:
            return silence(error)


class AsyncTrustBroker:
    """:class:`TrustBroker` for asyncio and trio; enter it with ``async with``, or call :meth:`aclose`."""

    def __init__(
        self,
        url: str,
        credential: str | Credential,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        """As :class:`TrustBroker`."""
        self.operations = _operations(credential, options)
        self._http = httpx.AsyncClient(base_url=_address(url), transport=transport, **SAFE)

    @classmethod
    def from_environment(cls, **options: Unpack[Options]) -> Self:
        """As :meth:`TrustBroker.from_environment`."""
        url, key, given = _environment(options)
        return cls(url, key, **given)

    async def check(self, phone_number: str, action: str, **about: Unpack[About]) -> Answer:
        """As :meth:`TrustBroker.check`."""
        return await self.run(self.operations.check(phone_number, action, about))

    async def check_many(self, questions: Sequence[Question]) -> list[Answer | ClientError]:
        """As :meth:`TrustBroker.check_many`."""
        return await self.run(self.operations.check_many(questions))

    async def read(self, check_id: str) -> Answer:
        """As :meth:`TrustBroker.read`."""
        return await self.run(self.operations.read(check_id))

    async def wait(self, check_id: str, *, up_to_s: float = 60.0) -> Answer:
        """As :meth:`TrustBroker.wait`."""
        return await self.run(self.operations.wait(check_id, up_to_s))

    async def journey(self, check_id: str) -> tuple[JourneyStep, ...]:
        """As :meth:`TrustBroker.journey`."""
        return await self.run(self.operations.journey(check_id))

    async def report_outcome(self, check_id: str, outcome: str) -> Outcome:
        """As :meth:`TrustBroker.report_outcome`."""
        return await self.run(self.operations.report_outcome(check_id, outcome))

    async def start_challenge(self, check_id: str, method: str, phone_number: str) -> Challenge:
        """As :meth:`TrustBroker.start_challenge`."""
        return await self.run(self.operations.start_challenge(check_id, method, phone_number))

    async def read_challenge(self, check_id: str, challenge_id: str) -> Challenge:
        """As :meth:`TrustBroker.read_challenge`."""
        return await self.run(self.operations.read_challenge(check_id, challenge_id))

    async def answer_challenge(self, check_id: str, challenge_id: str, **given: Unpack[Given]) -> Challenge:
        """As :meth:`TrustBroker.answer_challenge`."""
        return await self.run(self.operations.answer_challenge(check_id, challenge_id, given))

    async def request_review(self, check_id: str, justification: str = "") -> Review:
        """As :meth:`TrustBroker.request_review`."""
        return await self.run(self.operations.request_review(check_id, justification))

    async def consume_receipt(self, receipt: str, action: Action) -> Consumed:
        """As :meth:`TrustBroker.consume_receipt`."""
        return await self.run(self.operations.consume_receipt(receipt, action))

    async def grant_disclosure(self, disclosure: str, purpose: str, reason: str, expires_at: datetime) -> Grant:
        """As :meth:`TrustBroker.grant_disclosure`."""
        return await self.run(self.operations.grant_disclosure(disclosure, purpose, reason, expires_at))

    async def disclosure_grants(self) -> tuple[Grant, ...]:
        """As :meth:`TrustBroker.disclosure_grants`."""
        return await self.run(self.operations.disclosure_grants())

    async def withdraw_disclosure(self, grant_id: str) -> Grant:
        """As :meth:`TrustBroker.withdraw_disclosure`."""
        return await self.run(self.operations.withdraw_disclosure(grant_id))

    async def disclose_location(
        self,
        phone_number: str,
        purpose: str = DEFAULT_PURPOSE,
        *,
        max_age_s: int | None = None,
        max_surface_m2: int | None = None,
    ) -> Disclosed:
        """As :meth:`TrustBroker.disclose_location`."""
        return await self.run(self.operations.disclose_location(phone_number, purpose, max_age_s, max_surface_m2))

    async def disclose_identity(
        self, phone_number: str, attributes: Sequence[str], purpose: str = DEFAULT_PURPOSE
    ) -> Disclosed:
        """As :meth:`TrustBroker.disclose_identity`."""
        return await self.run(self.operations.disclose_identity(phone_number, attributes, purpose))

    async def keys(self) -> dict[str, Any]:
        """As :meth:`TrustBroker.keys`."""
        return await self.run(self.operations.keys())

    async def call(self, method: str, path: str, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """As :meth:`TrustBroker.call`."""
        return await self.run(self.operations.call(method, path, members))

    async def run(self, work: Work[_T]) -> _T:
        """Drive an operation to its result."""
        told: Told = None
        while True:
            try:
                step = work.send(told)
            except StopIteration as end:
                result: _T = end.value
                return result
            if isinstance(step, Ask):
                told = await self._send(step)
            else:
                told = None
                await anyio.sleep(step.seconds)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _send(self, ask: Ask) -> Reply | Silence:
        intake = Intake(ask.timeout_s)
        try:
            with anyio.fail_after(ask.timeout_s):
                async with self._http.stream(**request(ask)) as response:
                    intake.begin(response)
                    async for piece in response.aiter_bytes():
                        intake.take(piece)
                    return intake.reply(response)
        except (httpx.HTTPError, httpx.StreamError, Unwanted, TimeoutError) as error:
            return silence(error)


def _environment(options: Options) -> tuple[str, str, Options]:
    url, key = os.environ.get("TRUST_BROKER_URL"), os.environ.get("TRUST_BROKER_KEY")
    if not url or not key:
        raise ValueError("set TRUST_BROKER_URL and TRUST_BROKER_KEY")
    if timeout_s := os.environ.get("TRUST_BROKER_TIMEOUT_S"):
        return url, key, {"timeout_s": float(timeout_s), **options}
    return url, key, options


def _address(url: str) -> httpx.URL:
    address = httpx.URL(url)
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("the broker's address begins with https:// (or, on this machine, http://)")
    return address


def _operations(credential: str | Credential, options: Options) -> Operations:
    return Operations(
        Terms(
            credential=ApiKey(credential) if isinstance(credential, str) else credential,
            timeout_s=options.get("timeout_s", 10.0),
            retry=options.get("retry", Retry()),
            around=Surroundings(time.monotonic, random.random),
            language=options.get("language"),
        )
    )
