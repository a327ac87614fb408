"""Who holds a line, what state it is in, what the operator has on file: the meaning of each answer."""

from collections.abc import Sequence

from broker.adapter_kit.manifest import CapabilityManifest
from broker.adapter_kit.trial.bench import BOUND, Bench, Check, expect, observed, unavailable
from broker.adapter_kit.trial.operator import Reply
from broker.adapter_kit.trial.signals import Try, ago, doubted, for_signal, is_value, no_answer
from broker.domain.signal import (
    AgeCheck,
    AttributeMatch,
    Confirmation,
    Contract,
    Flag,
    IdentityMatch,
    LineStatus,
    Reachability,
    Roaming,
    ServiceState,
    SignalName,
    SimBinding,
    Tenure,
    Unavailability,
)

U, _N = Unavailability, SignalName


def _needs(member: str) -> Try:
    async def attempt(bench: Bench, capability: CapabilityManifest) -> None:
        unavailable(await bench.ask(capability, **{member: None}), U.NOT_APPLICABLE)
        expect(not bench.operator.api_requests, "an operator was asked without what the question is about")

    return attempt


def _tenure_is(contract: Contract, body: object) -> Try:
    async def attempt(bench: Bench, capability: CapabilityManifest) -> None:
        bench.operator.api = lambda _: Reply(body)
        value = observed(await bench.ask(capability)).value
        assert isinstance(value, Tenure)  # noqa: S101 - the kit's only value for this signal
        expect((value.since, value.continuous, value.contract) == (BOUND, True, contract), f"tenure became {value}")
        expect(value.began is None or value.began.at_most_s is None, "an end was claimed for what may be older")

    return attempt


async def _is_dark(bench: Bench, capability: CapabilityManifest) -> None:
    bench.operator.api = lambda _: Reply(_DARK)
    value = observed(await bench.ask(capability)).value
    dark = isinstance(value, Reachability) and not value.reachable and not value.channels
    expect(dark, f"a device that is not reached became {value}")


_RECYCLED, _HELD = {"phoneNumberRecycled": True}, {"tenureDateCheck": True, "contractType": "PAYG"}
_ABROAD = {"roaming": True, "countryCode": 208, "countryName": ["FR"], "lastStatusTime": ago(60)}
_NOT = "NOT_CONNECTED"
_DARK = {"reachable": False, "reachabilityStatus": _NOT, "connectivityStatus": _NOT, "lastStatusTime": ago(60)}
_LINE = {"voiceSmsIn": "active", "voiceSmsOut": "suspended", "dataService": "throttled"}
_UNLIKE = {"nameMatch": "false", "nameMatchScore": 40}
_ROWS: Sequence[tuple[SignalName, str, str, Try]] = (
    (_N.NUMBER_RECYCLING, "recycled", "another holder is the adverse side", is_value(_RECYCLED, Flag(active=True))),
    (_N.NUMBER_RECYCLING, "text", "a text is no boolean", doubted({"phoneNumberRecycled": "false"})),
    (_N.NUMBER_RECYCLING, "no-day", "without a day nobody is asked", _needs("bound_since")),
    (_N.KYC_TENURE, "text", "a text is no boolean", doubted({"tenureDateCheck": "true"})),
    (_N.KYC_TENURE, "no-day", "without a day nobody is asked", _needs("bound_since")),
    (_N.KYC_TENURE, "held", "an old tenure is at least as old as the link", _tenure_is(Contract.PREPAID, _HELD)),
    (_N.KYC_MATCH, "differs", "a claim that differs keeps its score", is_value(_UNLIKE, IdentityMatch(
        (AttributeMatch("name", Confirmation.DIFFERS, 40),)))),
    (_N.KYC_MATCH, "no-file", "nothing on file is no evidence", no_answer(
        lambda _: Reply({"nameMatch": "not_available"}), U.NOT_APPLICABLE)),
    (_N.KYC_MATCH, "boolean", "a boolean is no word", doubted({"nameMatch": False})),
    (_N.KYC_MATCH, "no-claims", "without claims nobody is asked", _needs("claims")),
    (_N.KYC_AGE, "too-young", "false is too young, though it is a text", is_value(
        {"ageCheck": "false"}, AgeCheck(18, reached=False))),
    (_N.KYC_AGE, "no-file", "nothing on file is no age", no_answer(
        lambda _: Reply({"ageCheck": "not_available"}), U.NOT_APPLICABLE)),
    (_N.KYC_AGE, "no-age", "without an age nobody is asked", _needs("age_threshold_years")),
    (_N.ROAMING, "abroad", "a country is a code and its names", is_value(_ABROAD, Roaming(
        roaming=True, country_code=208, countries=("FR",), status_age_s=60.0))),
    (_N.ROAMING, "prose", "a country that is prose is malformed", doubted({**_ABROAD, "countryName": ["ignore"]})),
    (_N.REACHABILITY, "dark", "not reached is not reached, in every release's words", _is_dark),
    (_N.SUBSCRIPTION_STATUS, "half", "each service has its own state", is_value(_LINE, LineStatus(
        ServiceState.ACTIVE, ServiceState.SUSPENDED, ServiceState.THROTTLED))),
    (_N.NETWORK_TYPE, "unknown", "UNKNOWN is no generation", no_answer(lambda _: Reply(
        {"connectedNetworkType": "UNKNOWN", "lastStatusTime": ago(60)}), U.NOT_APPLICABLE)),
    (_N.DEVICE_IDENTITY, "short", "a type allocation code has eight digits", doubted({"tac": "352934"})),
    (_N.FREQUENT_LOCATION, "beyond", "a frequency beyond 100 is malformed", doubted({"score": 101})),
    (_N.CUSTOMER_INSIGHTS, "scale", "a score beyond its scale is malformed", doubted(
        {"scoringType": "veritasIndex", "scoringValue": 20})),
    (_N.SIM_BINDING, "loose", "an untied SIM is told as such", is_value(
        {"imeiBind": {"bindStatus": "UNBOUND"}, "areaLimit": {"areaLimitStatus": "UNRESTRICTED"}},
        SimBinding(to_device=False, to_area=False))),
)  # fmt: skip


def checks() -> list[Check]:
    """Every check of this kind."""
    return [
        Check(f"{name}.{what}", "units", f"{name}: {says}", for_signal(name, attempt))
        for name, what, says, attempt in _ROWS
    ]
