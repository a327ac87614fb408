"""Operators' habits, each played by the pretend operator and absorbed by one key of a manifest: no code for any."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from adapters.mock.operator.deviations import Deviations
from adapters.mock.operator.profile import Profile, load_profile
from broker.domain.signal import AgeRange, Observed, Overlap, Presence, SignalName, Unavailability, Unavailable
from tests.support.adapters import adapter_for, ask
from tests.support.mock_operator import running_operator

ROOT = Path(__file__).parents[2]
SIM = SignalName.SIM_SWAP
DATE, CHECK = "retrieve-date", "check"


class Habit(NamedTuple):
    """``deviates`` is the pretend operator's part, ``absorbs`` the manifest's; ``without`` what comes without that."""

    deviates: dict[str, Any]
    absorbs: dict[str, Any]
    without: Unavailability | None = Unavailability.OPERATOR_ERROR
    api: Mapping[str, Any] = MappingProxyType({})
    capability: Mapping[str, Any] = MappingProxyType({})
    flow: str = "client_credentials"
    authentication: str = "client_secret_basic"


def oauth(**keys: Any) -> dict[str, Any]:
    return {"oauth": keys}


def token(**keys: Any) -> dict[str, Any]:
    return {"token": keys}


# Who does it stands in reference documents of the operators; the adapters' README files name the sources.
HABITS = {
    "token endpoint elsewhere": Habit(token(path="/oauth/v3/token"), oauth(token_path="/oauth/v3/token")),
    "grant in the query": Habit(token(grant_in_query=True), oauth(grant_in_query=True)),
    "Basic in a header of its own": Habit(
        token(proof_in="header", basic_header="x-client-auth"), oauth(basic_header="x-client-auth")
    ),
    "secret in the form": Habit(
        {}, oauth(client_auth="client_secret_post"), authentication="client_secret_post"
    ),
    "purpose as a parameter": Habit(
        token(purpose_in="parameter"), oauth(purpose_in="parameter", scope_template="{scopes}")
    ),
    "purpose as a parameter with more in it": Habit(
        token(purpose_in="parameter", purpose_template="dpv:{purpose}:sim-swap"),
        oauth(purpose_in="parameter", scope_template="{scopes}", purpose_template="dpv:{purpose}:sim-swap"),
    ),
    "purpose glued to the scope": Habit(token(scope_form="glued"), oauth(scope_template="dpv:{purpose}#{scopes}")),
    "purposes unknown": Habit(token(purpose_in="nowhere"), oauth(purpose_in="nowhere", scope_template="{scopes}")),
    "scopes unknown": Habit(
        token(purpose_in="nowhere", scope_form="ignored", scope_said=False),
        oauth(purpose_in="nowhere", scope_template=""),
        without=None,
    ),
    "scopes under other names": Habit(
        {"scope_names": {"retrieve-sim-swap-date": "sim-swap:retrieve-date"}} | token(purpose_in="nowhere"),
        oauth(purpose_in="nowhere", scope_template="{scopes}"),
        capability={"scopes": {DATE: "retrieve-sim-swap-date"}},
    ),
    "another token type": Habit(
        token(token_type="BearerToken"), oauth(token_types=["BearerToken"]), Unavailability.MALFORMED
    ),
    "lifetime as text": Habit(token(expires_in="text"), {}, None),
    "lifetime unsaid": Habit(token(expires_in="unsaid"), {}, None),
    "scope unsaid": Habit(token(scope_said=False), {}, None),
    "no version in the path": Habit(
        {"path_template": "/{api}"}, {"path_template": "/{api}"}, Unavailability.UNSUPPORTED
    ),
    "digits for a version": Habit(
        {"path_template": "/camara/{api}/v{digits}"},
        {"path_template": "/camara/{api}/v{digits}"},
        Unavailability.UNSUPPORTED,
    ),
    "an API at a place of its own": Habit(
        {},
        {},
        Unavailability.UNSUPPORTED,
        api={"base_path": "/mobile/v1/gsma/gateway/simswap", "paths": {DATE: ""}, "operations": [DATE]},
        capability={"base_path": "/mobile/v1/gsma/gateway/simswap", "paths": {DATE: ""}, "operations": [DATE]},
    ),
    "a key of the gateway": Habit(
        {"api_key_header": "x-rapidapi-key"}, {"api_key": {"header": "x-rapidapi-key", "sent_to": "both"}}
    ),
    "a fixed header": Habit({"headers": {"x-customerid": "7"}}, {"headers": {"x-customerid": "7"}}),
    "correlator demanded": Habit({"correlator": "demanded"}, {}, None, flow="client_credentials"),
    "correlator swallowed": Habit(
        {"correlator": "swallowed"}, {"correlator_echo": "optional"}, Unavailability.MALFORMED
    ),
    "numbers without plus": Habit({"phone_plus": False}, {"phone_format": "e164_without_plus"}),
    "number beside a token that names it": Habit(
        {"identifier": "always"}, {}, capability={"identifier": "always"}, flow="jwt_bearer_tel"
    ),
    "issuer as audience": Habit(
        token(audience="issuer"),
        oauth(assertion_audience="issuer"),
        Unavailability.NOT_PERMITTED,
        flow="jwt_bearer_tel",
    ),
}  # fmt: skip


def deviating(habit: Habit) -> Profile:
    profile = load_profile("borealis")
    sim_swap = next(api for api in profile.apis if api.name == "sim-swap")
    offered = type(sim_swap).model_validate(sim_swap.model_dump() | {"version": "2.1.0"} | dict(habit.api))
    client = profile.clients[0]
    client = type(client).model_validate(client.model_dump() | {"authentication": [habit.authentication]})
    deviations = Deviations.model_validate(habit.deviates)
    return profile.model_copy(update={"apis": (offered,), "clients": (client,), "deviations": deviations})


def manifest(habit: Habit, *, absorbing: bool) -> dict[str, Any]:
    absorbs = habit.absorbs if absorbing else {}
    capability = {"api": "sim-swap", "version": "2.1.0", "flow": habit.flow} | (
        dict(habit.capability) if absorbing else {}
    )
    shared = {"client_auth": "basic"} | absorbs.get("oauth", {})
    return absorbs | {"oauth": shared, "capabilities": [capability]}


@pytest.mark.parametrize("habit", HABITS.values(), ids=HABITS.keys())
async def test_a_habit_is_absorbed_by_its_key_and_without_it_unavailable(habit: Habit, tmp_path: Path) -> None:
    with running_operator(deviating(habit)) as operator:
        number = operator.number("000102")
        async with adapter_for(operator, tmp_path, manifest(habit, absorbing=True)) as adapter:
            signal = await ask(adapter, SIM, number)
            assert isinstance(signal, Observed), signal
            assert isinstance(signal.value, AgeRange)
            assert signal.value.at_least_s >= 3 * 3600
        if habit.without is not None:
            async with adapter_for(operator, tmp_path, manifest(habit, absorbing=False)) as adapter:
                signal = await ask(adapter, SIM, number)
            assert isinstance(signal, Unavailable), signal
            assert signal.reason is habit.without


def gateway_manifest(**changes: Any) -> dict[str, Any]:
    text = (ROOT / "adapters/mock_gateway/manifest.toml").read_text("utf-8")
    return {name: value for name, value in (tomllib.loads(text) | changes).items() if name not in {"name", "title"}}


async def test_cadenza_is_understood_by_its_manifest(tmp_path: Path) -> None:
    day = 86_400.0
    with running_operator("cadenza") as operator:
        async with adapter_for(operator, tmp_path, gateway_manifest()) as adapter:
            swapped = await ask(adapter, SIM, operator.number("000102"))
            steady = await ask(adapter, SIM, operator.number("000101"))
            device = await ask(adapter, SignalName.DEVICE_SWAP, operator.number("000113"))
            forwarded = await ask(adapter, SignalName.CALL_FORWARDING, operator.number("000112"))
            place = await ask(adapter, SignalName.LOCATION, operator.number("000101"))
        asked = operator.control.requests()
    assert isinstance(swapped, Observed)
    assert isinstance(swapped.value, AgeRange)
    assert 3 * 3600 <= swapped.value.at_least_s < day
    # 1900 without a period says nothing; the window of a month, the longest that may be asked about, does.
    assert isinstance(steady, Observed)
    assert steady.value == AgeRange(30 * day, None)
    assert isinstance(device, Observed)
    assert device.value == AgeRange(day, 3 * day)
    assert isinstance(forwarded, Observed)
    assert isinstance(place, Observed)
    assert isinstance(place.value, Presence)
    assert place.value.overlap is Overlap.INSIDE
    assert {call["status"] for call in asked} == {200}
    assert "/gw/camara/simswap/latest" in {call["path"] for call in asked}


TROUBLES = {
    "000108": (Unavailability.NOT_APPLICABLE, "SERVICE_NOT_APPLICABLE"),
    "000109": (Unavailability.NOT_PERMITTED, "PERMISSION_DENIED"),
    "000203": (Unavailability.OPERATOR_ERROR, "INTERNAL"),
    "000205": (Unavailability.OPERATOR_ERROR, "TOO_MANY_REQUESTS"),
    "000404": (Unavailability.UNKNOWN_SUBSCRIBER, "IDENTIFIER_NOT_FOUND"),
}


async def test_errors_in_a_form_of_its_own_keep_their_meaning(tmp_path: Path) -> None:
    with running_operator("cadenza") as operator:
        async with adapter_for(operator, tmp_path, gateway_manifest()) as adapter:
            for ending, (reason, code) in TROUBLES.items():
                signal = await ask(adapter, SIM, operator.number(ending))
                assert isinstance(signal, Unavailable)
                assert (signal.reason, signal.code) == (reason, code), ending


async def test_errors_inside_a_service_exception_keep_their_meaning(tmp_path: Path) -> None:
    errors = {"form": "service_exception", "codes": {"IDENTIFIER_NOT_FOUND": "SVC0004"}}
    absorbs = {"errors": {"envelope": "service_exception", "codes": {"SVC0004": "IDENTIFIER_NOT_FOUND"}}}
    habit = Habit({"errors": errors}, absorbs)
    with running_operator(deviating(habit)) as operator:
        async with adapter_for(operator, tmp_path, manifest(habit, absorbing=True)) as adapter:
            signal = await ask(adapter, SIM, operator.number("000404"))
    assert isinstance(signal, Unavailable)
    assert signal.reason is Unavailability.UNKNOWN_SUBSCRIBER


@pytest.mark.parametrize("left_out", ["boolean_texts", "sentinel_dates"])
async def test_an_answer_in_quotes_or_from_1900_is_malformed_unless_the_manifest_says_it(
    left_out: str, tmp_path: Path
) -> None:
    with running_operator("cadenza") as operator:
        async with adapter_for(operator, tmp_path, gateway_manifest(**{left_out: {}})) as adapter:
            signal = await ask(adapter, SIM, operator.number("000101"))
    assert isinstance(signal, Unavailable)
    assert signal.reason is Unavailability.MALFORMED


async def test_a_circle_smaller_than_the_operator_takes_is_made_larger_by_the_manifest(tmp_path: Path) -> None:
    small = gateway_manifest()
    for capability in small["capabilities"]:
        capability.pop("radius_m_min", None)
    with running_operator("cadenza") as operator:
        async with adapter_for(operator, tmp_path, small) as adapter:
            signal = await ask(adapter, SignalName.LOCATION, operator.number("000101"))
    assert isinstance(signal, Unavailable)
    assert signal.code == "LOCATION_VERIFICATION.INVALID_AREA"


def test_an_operator_with_a_gateway_hides_what_stands_behind_it() -> None:
    with running_operator("cadenza") as operator:
        for path in ("/oauth2/token", "/sim-swap/v2/check", "/device-swap/v1/retrieve-date"):
            response = operator.client.http.post(path, json={})
            assert response.status_code == 404, path
            assert response.json()["code"] == "NOT_FOUND"
        refused = operator.client.http.post("/gw/camara/simswap/check", json={})
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
        assert "x-correlator" not in refused.headers
        discovery = operator.client.http.get("/.well-known/openid-configuration").json()
        assert discovery["token_endpoint"] == f"{operator.url}/auth/v1/accesstoken"


async def test_a_number_that_is_not_the_tokens_is_refused(tmp_path: Path) -> None:
    habit = HABITS["number beside a token that names it"]
    with running_operator(deviating(habit)) as operator:
        token = operator.client.token_for(f"tel:{operator.number('000101')}", "sim-swap:check")
        for body, status in (({"phoneNumber": operator.number("000102")}, 403), ({}, 422)):
            assert operator.client.call(token, "/sim-swap/v2/check", body).status_code == status
