"""sim-swap: how long ago the number was last paired with a new SIM. Releases 0.4.0 to 2.2.0.

2.2.0 is known from its release notes; what it adds is the age band.
"""

import msgspec

from broker.adapter_kit.camara.age_band import BAND
from broker.adapter_kit.camara.line import ApiLine, ApiVersion, IdentifierRule, Reading
from broker.adapter_kit.camara.swap import CHECK, DATE, DateAnswer, ask_age
from broker.adapter_kit.oauth import Flow
from broker.adapter_kit.wire import Reader
from broker.domain.signal import SignalName, Unavailability

_NAME, _API = SignalName.SIM_SWAP, "sim-swap"
_SCOPES = {DATE: "sim-swap:retrieve-date", CHECK: "sim-swap:check"}


class _SimDate(DateAnswer):
    date: str | None = msgspec.field(name="latestSimChange")


class _OldSimDate(DateAnswer):
    """0.4.0: the member may be absent, which says no more than ``null`` does later."""

    date: str | None = msgspec.field(default=None, name="latestSimChange")


_DATES, _OLD_DATES = Reader(_SimDate), Reader(_OldSimDate)


async def ask(line: ApiLine) -> Reading:
    """The age of the last SIM change; a port-in, a new contract or an activation counts as one."""
    return await ask_age(line, _DATES)


async def ask_old(line: ApiLine) -> Reading:
    """The same for 0.4.0."""
    return await ask_age(line, _OLD_DATES)


VERSIONS = (
    ApiVersion(
        _NAME,
        _API,
        "0.4.0",
        None,
        {DATE: "retrieve-sim-swap-date", CHECK: "check-sim-swap"},
        ask_old,
        identifier=IdentifierRule.ALWAYS,
        flows=frozenset(Flow) - {Flow.CLIENT_CREDENTIALS},
    ),
    # Before Spring25, NOT_FOUND was the word for a number that is not this operator's.
    ApiVersion(_NAME, _API, "1.0.0", "/sim-swap/v1", _SCOPES, ask, Unavailability.UNKNOWN_SUBSCRIBER),
    ApiVersion(_NAME, _API, "2.0.0", "/sim-swap/v2", _SCOPES, ask),
    ApiVersion(_NAME, _API, "2.1.0", "/sim-swap/v2", _SCOPES, ask),
    # One URL for all of 2: whether there is an age band shows only when it is asked for.
    ApiVersion(_NAME, _API, "2.2.0", "/sim-swap/v2", {**_SCOPES, BAND: f"sim-swap:{BAND}"}, ask, from_notes=True),
)
