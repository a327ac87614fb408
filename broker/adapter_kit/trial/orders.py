"""Orders: an instrument that fails, says nothing or is not granted is never taken for one that worked."""

from collections.abc import Callable, Mapping
from typing import Any

from broker.adapter_kit.instruments import (
    AnnounceCall,
    AskConsent,
    DisclosureGrant,
    Locate,
    OpenRecord,
    Order,
    Refused,
    SendPassword,
)
from broker.adapter_kit.manifest import InstrumentManifest
from broker.adapter_kit.trial.bench import CORRELATOR, DIGITS, PHONE, PURPOSE, Bench, Check, NotApplicable, Run, expect
from broker.adapter_kit.trial.operator import Reply, error
from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import Unavailability

U, _I = Unavailability, InstrumentName
_MAKE: Mapping[InstrumentName, Callable[..., Order[Any]]] = {
    _I.ONE_TIME_PASSWORD: lambda **said: SendPassword(**said, message="{{code}}"),
    _I.CONSENT_STATUS: lambda **said: AskConsent(**said, scopes=("sim-swap:check",)),
    _I.LOCATION_AREA: lambda **said: Locate(**said, max_age_s=60),
    _I.IDENTITY_RECORD: lambda **said: OpenRecord(**said, attributes=("name",)),
    _I.CALL_ANNOUNCEMENT: lambda **said: AnnounceCall(**said, caller=PhoneNumber("+34910000000")),
}
Try = Callable[[Bench, InstrumentManifest], Any]


def _order(bench: Bench, name: InstrumentName, *, granted: bool = True) -> Order[Any]:
    grant = DisclosureGrant("trial", name, PURPOSE) if granted else None
    deadline_s = bench.clock.monotonic_s() + 2.0
    return _MAKE[name](phone=PHONE, purpose=PURPOSE, correlator=CORRELATOR, deadline_s=deadline_s, grant=grant)


async def _refused(bench: Bench, name: InstrumentName, *, granted: bool = True) -> Refused:
    answer = await bench.adapter.carry_out(_order(bench, name, granted=granted))
    expect(isinstance(answer, Refused), "what did not work was taken for done")
    assert isinstance(answer, Refused)  # noqa: S101 - the line above has seen to it
    return answer


def _for(name: InstrumentName, attempt: Try) -> Run:
    async def run(bench: Bench) -> None:
        for instrument in bench.subject.instruments:
            if instrument.known.instrument is name:
                await attempt(bench, instrument)
                return
        raise NotApplicable(f"{name} is not offered")

    return run


async def _trouble(bench: Bench, instrument: InstrumentManifest) -> None:
    for status, code, reason in ((503, "UNAVAILABLE", U.OPERATOR_ERROR), (403, "PERMISSION_DENIED", U.NOT_PERMITTED)):
        bench.operator.api = lambda _, status=status, code=code: error(status, code)  # type: ignore[misc]
        refused = await _refused(bench, instrument.known.instrument)
        expect(refused.reason is reason, f"{status} {code} became {refused.reason}")


async def _nothing(bench: Bench, instrument: InstrumentManifest) -> None:
    for reply in (Reply(b""), Reply(b"<html></html>"), Reply([]), Reply(b"{}", 202)):
        bench.operator.api = lambda _, reply=reply: reply  # type: ignore[misc]
        refused = await _refused(bench, instrument.known.instrument)
        expect(refused.reason is U.MALFORMED, f"an answer that says nothing became {refused.reason}")


async def _ungranted(bench: Bench, instrument: InstrumentManifest) -> None:
    if not instrument.known.discloses:
        raise NotApplicable("it tells no personal data")
    refused = await _refused(bench, instrument.known.instrument, granted=False)
    expect(refused.reason is U.NOT_PERMITTED, f"without a grant it is {refused.reason}")
    expect(not bench.operator.api_requests and not bench.operator.token_requests, "somebody was asked without a grant")


async def _private(bench: Bench, instrument: InstrumentManifest) -> None:
    bench.operator.api = lambda _: error(503, "UNAVAILABLE")
    refused = await _refused(bench, instrument.known.instrument)
    for asked in (*bench.operator.api_requests, *bench.operator.token_requests):
        expect(DIGITS not in asked.url + str(asked.headers), "the number is in a URL or a header")
    expect(bench.operator.api_requests, "nobody was asked")
    expect(DIGITS not in repr(refused), "the number is in a repr")


_ROWS: tuple[tuple[str, str, str, Try], ...] = (
    ("errors", "trouble", "trouble is a refusal with its reason", _trouble),
    ("malformed", "nothing", "an answer that says nothing is malformed", _nothing),
    ("unsupported", "ungranted", "without a grant nothing is disclosed", _ungranted),
    ("privacy", "private", "the number is in no URL, header or repr", _private),
)


def checks() -> list[Check]:
    """Every check of this kind."""
    return [
        Check(f"{name}.{what}", group, f"{name}: {says}", _for(name, attempt))
        for name in _MAKE
        for group, what, says, attempt in _ROWS
    ]
