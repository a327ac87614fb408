"""What lies behind a fresh SIM, told by a pretend operator over real HTTP; and what else can be ordered from it."""

import re
import tomllib
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.instruments import (
    AnnounceCall,
    AskConsent,
    CallAnnounced,
    CheckPassword,
    ConsentReason,
    ConsentStatus,
    DisclosureGrant,
    IdentityRecord,
    Locate,
    Located,
    OpenRecord,
    PasswordSent,
    PasswordVerdict,
    Point,
    Refused,
    SendPassword,
)
from broker.domain.evidence import Evidence
from broker.domain.instrument import InstrumentName
from broker.domain.phone import PhoneNumber
from broker.domain.signal import AgeRange, Observed, SignalName, SimBinding, Unavailability, Unavailable
from broker.domain.sim_story import SimStory, sim_story
from tests.support.adapters import CORRELATOR, adapter_for, ask
from tests.support.clocks import NOON, HandClock
from tests.support.mock_operator import RunningOperator, running_operator

MANIFEST = tomllib.loads((Path(__file__).parents[2] / "adapters" / "mock" / "manifest.toml").read_text("utf-8"))
PURPOSE = "FraudPreventionAndDetection"
ASKED = (SignalName.SIM_SWAP, SignalName.KYC_TENURE, SignalName.NUMBER_RECYCLING)
LONG_AGO = date(2024, 5, 1)
TODAY = NOON.date()


@pytest.fixture(scope="module")
def clock() -> HandClock:
    """One noon for both sides of the wire."""
    return HandClock()


@pytest.fixture(scope="module")
def operator(clock: HandClock) -> Iterator[RunningOperator]:
    with running_operator("alba", now=clock.now) as running:
        yield running


@pytest.fixture
async def adapter(operator: RunningOperator, clock: HandClock, tmp_path: Path) -> AsyncIterator[Adapter]:
    rest = {name: part for name, part in MANIFEST.items() if name not in {"name", "title"}}
    settings = {"disclosures": frozenset({"location-retrieval", "kyc-fill-in"}), "attempt_timeout_ms": 5000}
    async with adapter_for(operator, tmp_path, rest, clock=clock, **settings) as opened:
        yield opened


async def story(adapter: Adapter, operator: RunningOperator, ending: str, bound: date, clock: HandClock) -> SimStory:
    number, deadline_s = operator.number(ending), clock.monotonic_s() + 5
    signals = [await ask(adapter, name, number, bound_since=bound, deadline_s=deadline_s) for name in ASKED]
    assert all(isinstance(signal, Observed) for signal in signals), signals
    return sim_story(Evidence.of(signals))


@pytest.mark.parametrize(
    ("ending", "bound", "told"),
    [
        ("000101", LONG_AGO, SimStory.BEFORE_BINDING),
        ("000102", LONG_AGO, SimStory.SWAPPED),
        ("000103", LONG_AGO, SimStory.SWAPPED),
        ("000114", LONG_AGO, SimStory.SWAPPED),
        ("000117", TODAY - timedelta(days=1), SimStory.NEW_LINE),
        ("000117", LONG_AGO, SimStory.RECYCLED),
        ("000119", LONG_AGO, SimStory.RECYCLED),
        ("000119", TODAY - timedelta(days=5), SimStory.BEFORE_BINDING),
        ("000129", LONG_AGO, SimStory.PORTED_IN),
        ("000129", TODAY - timedelta(days=2), SimStory.BEFORE_BINDING),
    ],
)
async def test_a_fresh_sim_is_told_from_a_takeover(
    adapter: Adapter, operator: RunningOperator, clock: HandClock, ending: str, bound: date, told: SimStory
) -> None:
    assert await story(adapter, operator, ending, bound, clock) is told


@pytest.mark.parametrize("name", [SignalName.SIM_SWAP, SignalName.DEVICE_SWAP])
async def test_a_number_without_a_sim_has_no_age_of_anything_whatever_the_api_calls_that(
    adapter: Adapter, operator: RunningOperator, clock: HandClock, name: SignalName
) -> None:
    signal = await ask(adapter, name, operator.number("000116"), deadline_s=clock.monotonic_s() + 5)
    assert isinstance(signal, Unavailable) or (
        isinstance(signal.value, AgeRange) and signal.value.at_most_s is None and signal.window is not None
    )


async def test_a_swap_after_a_port_in_is_a_swap(adapter: Adapter, operator: RunningOperator, clock: HandClock) -> None:
    number = operator.number("000777")
    operator.control.put_subscriber(number)
    operator.control.event(number, {"type": "activation"}, ago_s=1000 * 86_400)
    operator.control.event(number, {"type": "sim_change", "cause": "port_in"}, ago_s=12 * 86_400)
    operator.control.event(number, {"type": "sim_change"}, ago_s=3 * 3600)
    assert await story(adapter, operator, "000777", LONG_AGO, clock) is SimStory.SWAPPED


def given(operator: RunningOperator, clock: HandClock, ending: str, **more: Any) -> dict[str, Any]:
    phone = PhoneNumber.parse(operator.number(ending))
    deadline_s = clock.monotonic_s() + 5
    return {"phone": phone, "purpose": PURPOSE, "correlator": CORRELATOR, "deadline_s": deadline_s, **more}


async def test_a_password_goes_to_the_person_and_comes_back_once(
    adapter: Adapter, operator: RunningOperator, clock: HandClock
) -> None:
    order = SendPassword(**given(operator, clock, "000101", message="{{code}} is your code"))
    sent = await adapter.carry_out(order)
    assert isinstance(sent, PasswordSent)
    inbox = operator.control.http.get(f"/subscribers/{operator.number('000101')}/messages").json()
    code = re.findall(r"[0-9]{6}", str(inbox))[-1]
    wrong = "000000" if code != "000000" else "111111"
    verdicts: list[PasswordVerdict | Refused] = []
    for typed in (wrong, code, code):
        check = CheckPassword(**given(operator, clock, "000101", reference=sent.reference, code=typed))
        verdict = await adapter.carry_out(check)
        verdicts.append(verdict)
    assert verdicts == [PasswordVerdict.WRONG, PasswordVerdict.RIGHT, PasswordVerdict.EXPIRED]


@pytest.mark.parametrize("ending", ["000127", "000128", "000404"])
async def test_a_password_that_cannot_arrive_is_refused(
    adapter: Adapter, operator: RunningOperator, clock: HandClock, ending: str
) -> None:
    refused = await adapter.carry_out(SendPassword(**given(operator, clock, ending, message="{{code}}")))
    assert isinstance(refused, Refused)
    assert refused.reason in {Unavailability.NOT_APPLICABLE, Unavailability.UNKNOWN_SUBSCRIBER}


async def test_consent_is_asked_for_before_a_paid_question(
    adapter: Adapter, operator: RunningOperator, clock: HandClock
) -> None:
    scope = "sim-swap:check"
    order = AskConsent(**given(operator, clock, "000109", scopes=(scope,), capture=True))
    status = await adapter.carry_out(order)
    assert isinstance(status, ConsentStatus)
    assert not status.permits(scope)
    assert status.entries[0].reason in set(ConsentReason)
    steady = await adapter.carry_out(AskConsent(**given(operator, clock, "000101", scopes=(scope,))))
    assert isinstance(steady, ConsentStatus)
    assert steady.permits(scope)
    assert steady.capture_url is None


async def test_a_place_is_told_with_a_grant_and_never_without(
    adapter: Adapter, operator: RunningOperator, clock: HandClock
) -> None:
    grant = DisclosureGrant("acme", InstrumentName.LOCATION_AREA, PURPOSE)
    refused = await adapter.carry_out(Locate(**given(operator, clock, "000101", max_age_s=3600)))
    assert isinstance(refused, Refused)
    assert refused.reason is Unavailability.NOT_PERMITTED
    found = await adapter.carry_out(Locate(**given(operator, clock, "000101", max_age_s=3600, grant=grant)))
    assert isinstance(found, Located)
    assert found.area.points == (Point(40.4168, -3.7038),)


async def test_a_file_is_opened_for_what_was_granted_and_ordered_only(
    adapter: Adapter, operator: RunningOperator, clock: HandClock
) -> None:
    grant = DisclosureGrant("acme", InstrumentName.IDENTITY_RECORD, PURPOSE)
    order = OpenRecord(**given(operator, clock, "000101", attributes=("name", "birthdate"), grant=grant))
    record = await adapter.carry_out(order)
    assert isinstance(record, IdentityRecord)
    assert record.attributes == {"name": "Alma Serrano Vidal", "birthdate": "1987-03-14"}
    assert "Alma" not in repr(record)
    refused = await adapter.carry_out(OpenRecord(**given(operator, clock, "000101", attributes=("name",))))
    assert isinstance(refused, Refused)


async def test_a_call_is_announced_to_a_subscriber_and_to_nobody_else(
    adapter: Adapter, operator: RunningOperator, clock: HandClock
) -> None:
    caller = PhoneNumber("+34910000000")
    announced = await adapter.carry_out(AnnounceCall(**given(operator, clock, "000101", caller=caller, ttl_s=60)))
    assert isinstance(announced, CallAnnounced)
    assert announced.expires_at is not None
    nobody = await adapter.carry_out(AnnounceCall(**given(operator, clock, "000404", caller=caller)))
    assert isinstance(nobody, Refused)


@pytest.mark.parametrize(("ending", "tied"), [("000101", False), ("000135", True)])
async def test_a_tied_sim_is_told_from_a_loose_one(
    adapter: Adapter, operator: RunningOperator, clock: HandClock, ending: str, tied: bool
) -> None:
    signal = await ask(adapter, SignalName.SIM_BINDING, operator.number(ending), deadline_s=clock.monotonic_s() + 5)
    assert isinstance(signal, Observed)
    assert signal.value == SimBinding(to_device=tied, to_area=tied)
