"""What can be wrong with an operator, and for whom: a fault turns a right answer into a wrong delivery.

Faults never change what the operator *knows*; they act on an answer that was computed first, as trouble on a wire does.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from adapters.mock.operator.attacks import Attack

DelayMs = Annotated[int, Meta(ge=1, le=60_000)]
FAULTS_MAX = 1000


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="latency", rename="camel"):
    """The right answer, ``delay_ms`` late."""

    delay_ms: DelayMs = 3000


class Hang(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="hang", rename="camel"):
    """No answer while the caller waits; after ``max_ms`` a 504, so that nothing waits for ever."""

    max_ms: DelayMs = 60_000


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="status", rename="camel"):
    """A server error with a CAMARA body."""

    status: Literal[500, 502, 503, 504] = 500


class TooMany(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="too_many", rename="camel"):
    """429 with either of its two meanings; ``Retry-After`` only where seconds are given: it is not standardised."""

    code: Literal["TOO_MANY_REQUESTS", "QUOTA_EXCEEDED"] = "TOO_MANY_REQUESTS"
    retry_after_s: Annotated[int, Meta(ge=0, le=86_400)] | None = None


class Malformed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="malformed", rename="camel"):
    """The answer cut in the middle, with a length that fits the cut."""


class Oversized(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="oversized", rename="camel"):
    """The right answer behind ``size_bytes`` of white space: valid JSON that nobody should read to its end."""

    size_bytes: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 8 * 1024 * 1024


class WrongType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="wrong_type", rename="camel"):
    """Booleans as strings, dates without a zone, texts as numbers."""


class DuplicateMembers(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="duplicate_members", rename="camel"
):
    """The first member twice, with contradicting values."""


class Html(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="html", rename="camel"):
    """A gateway's error page instead of an answer."""


class FutureDate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="future_date", rename="camel"):
    """Every date of the answer lies a day ahead."""


class Drip(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="drip", rename="camel"):
    """The right answer, one byte each ``interval_ms``: no read timeout ever fires."""

    interval_ms: Annotated[int, Meta(ge=1, le=10_000)] = 500


Trouble = (
    Latency | Hang | Status | TooMany | Malformed | Oversized | WrongType | DuplicateMembers | Html | FutureDate | Drip
)
Fault = Trouble | Attack
HONEST = "honest"


def fault_named(name: str) -> Fault | None:
    """The fault or attack of this kind with its usual measures; nothing for ``honest``.

    Raises:
        ValueError: there is none of this kind.
    """
    return None if name == HONEST else msgspec.convert({"type": name}, Fault)


class Everything(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="everything"):
    """Every API, the token endpoint and the backchannel."""


class TokenEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="token"):
    """The token endpoint alone."""


class Backchannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="backchannel"):
    """The backchannel authentication endpoint alone."""


class EveryApi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="apis"):
    """Every API, and not the authorization server."""


class OneApi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="api"):
    """One API by its name, e.g. ``sim-swap``."""

    api: str


class OneNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="number", rename="camel"):
    """One subscriber, at every API; the token endpoint is not concerned."""

    phone_number: str


Target = Everything | TokenEndpoint | Backchannel | EveryApi | OneApi | OneNumber


class PlannedFault(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A fault, for whom, and how often (``count`` left; absent: until it is removed)."""

    target: Target
    fault: Fault
    count: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


class FaultPlan:
    """The faults that the control API has set, by name; the most specific one that fits an answer acts.

    ``attacks`` and ``token_attacks`` are for answers that no such fault is for: each API meets them in turn.
    """

    def __init__(self, attacks: Sequence[str] = (), token_attacks: Sequence[str] = ()) -> None:
        self._planned: dict[str, PlannedFault] = {}
        self._attacks = [fault_named(name) for name in attacks]
        self._token_attacks = [fault_named(name) for name in token_attacks]
        self._turns: Counter[str] = Counter()

    def put(self, name: str, planned: PlannedFault) -> None:
        """Set or replace a fault.

        Raises:
            ValueError: there are :data:`FAULTS_MAX` others already.
        """
        if name not in self._planned and len(self._planned) >= FAULTS_MAX:
            raise ValueError("too many faults are planned")
        self._planned[name] = planned

    def remove(self, name: str) -> bool:
        """Take a fault away; whether there was one."""
        return self._planned.pop(name, None) is not None

    def clear(self) -> None:
        """Take every fault away."""
        self._planned.clear()
        self._turns.clear()

    def planned(self) -> dict[str, PlannedFault]:
        """What is set now, by name."""
        return dict(self._planned)

    def at_token_endpoint(self) -> Fault | None:
        """The fault for a token request, used up by one."""
        return self._take(TokenEndpoint(), Everything()) or self._turn("", self._token_attacks)

    def at_backchannel(self) -> Fault | None:
        """The fault for a backchannel request, used up by one."""
        return self._take(Backchannel(), Everything())

    def at_api(self, api: str, phone_number: str | None) -> Fault | None:
        """The fault for a request to an API, used up by one; number before API before everything."""
        targets: list[Target] = [OneApi(api), EveryApi(), Everything()]
        if phone_number is not None:
            targets.insert(0, OneNumber(phone_number))
        return self._take(*targets) or self._turn(api, self._attacks)

    def _turn(self, api: str, attacks: Sequence[Fault | None]) -> Fault | None:
        if not attacks:
            return None
        self._turns[api] += 1
        return attacks[(self._turns[api] - 1) % len(attacks)]

    def _take(self, *targets: Target) -> Fault | None:
        for target in targets:
            for name, planned in self._planned.items():
                if planned.target == target:
                    return self._use(name, planned)
        return None

    def _use(self, name: str, planned: PlannedFault) -> Fault:
        if planned.count is not None:
            planned.count -= 1
            if planned.count == 0:
                del self._planned[name]
        return planned.fault
