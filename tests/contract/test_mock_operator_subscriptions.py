"""Subscriptions: what may be asked for, what is told when something happens, and how it ends."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft202012Validator

from adapters.mock.operator.apis.dialects import DIALECTS, dialect
from adapters.mock.operator.notifications.kinds import KINDS
from adapters.mock.operator.notifications.sinks import BadSink, check_sink
from adapters.mock.operator.profile import Legs, OfferedApi, SubjectForm, load_profile
from tests.support.mock_operator import RunningOperator, running_operator
from tests.support.mock_operator_schemas import (
    DEFINITIONS,
    LOADER,
    _validator,
    definition,
    error_validator,
    response_validator,
)
from tests.support.sinks import Sink, running_sink

SIM = "sim-swap-subscriptions"
ROAMING = "device-roaming-status-subscriptions"
REACH = "device-reachability-status-subscriptions"
NETWORK = "connected-network-type-subscriptions"
FENCE = "geofencing-subscriptions"
VERSIONS = [
    (known.api, known.version)
    for known in DIALECTS
    if known.api in KINDS and (not DEFINITIONS.is_dir() or (DEFINITIONS / known.api / known.version).is_dir())
]
NEWEST = {SIM: "0.3.0", ROAMING: "0.8.0", REACH: "0.8.0", NETWORK: "0.2.0", FENCE: "0.5.0"}
AREA = {"areaType": "CIRCLE", "center": {"latitude": 40.4168, "longitude": -3.7038}, "radius": 5000}
AWAY = {"type": "seen", "latitude": 41.3874, "longitude": 2.1686}
HOME = {"type": "seen", "latitude": 40.4168, "longitude": -3.7038}
STEADY = "+34600000101"
DAY_S = 86_400.0

needs_definitions = pytest.mark.skipif(not DEFINITIONS.is_dir(), reason="the definitions are not beside the project")


@pytest.fixture(scope="module")
def started() -> Iterator[RunningOperator]:
    offered = tuple(OfferedApi(name=api, version=version, legs=frozenset(Legs)) for api, version in VERSIONS)
    forms = frozenset(SubjectForm)
    with running_operator(
        load_profile("alba").model_copy(update={"apis": offered, "subject_forms": forms})
    ) as operator:
        yield operator


@pytest.fixture
def alba(started: RunningOperator) -> RunningOperator:
    started.control.reset()
    return started


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


def path(api: str, version: str | None = None) -> str:
    return f"{dialect(api, version or NEWEST[api]).base_path}/subscriptions"


def scopes(api: str) -> list[str]:
    return [f"{api}:org.camaraproject.{api}.v0.{kind}:create" for kind in KINDS[api]] + [f"{api}:read", f"{api}:delete"]


def request(api: str, kind: str, sink: str, number: str | None = STEADY, **config: Any) -> dict[str, Any]:
    about: dict[str, Any] = {} if number is None else {"phoneNumber": number}
    detail = about if api == SIM else {"device": about} if about else {}
    if api == FENCE:
        detail |= {"area": AREA}
    types = [f"org.camaraproject.{api}.v0.{kind}"]
    return {"protocol": "HTTP", "sink": sink, "types": types, "config": {"subscriptionDetail": detail} | config}


def subscribe(operator: RunningOperator, api: str, body: dict[str, Any], version: str | None = None) -> dict[str, Any]:
    response = operator.client.call(operator.client.token(*scopes(api)), path(api, version), body)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    return created


def instant(operator: RunningOperator, seconds: float) -> str:
    """So many seconds from the operator's now."""
    now = datetime.fromisoformat(operator.control.http.get("/clock").json()["network"])
    return (now + timedelta(seconds=seconds)).isoformat()


Told = tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]
ABROAD = {"type": "roaming", "active": True, "mcc": 208, "countries": ["FR"]}
FRANCE = {"countryCode": 208, "countryName": ["FR"]}
HAPPENINGS: dict[tuple[str, str], Told] = {
    (SIM, "swapped"): ([], {"type": "sim_change"}, {}),
    (ROAMING, "roaming-status"): ([], ABROAD, {"roaming": True} | FRANCE),
    (ROAMING, "roaming-on"): ([], ABROAD, {}),
    (ROAMING, "roaming-off"): ([ABROAD], {"type": "roaming"}, {}),
    (ROAMING, "roaming-change-country"): ([ABROAD | {"mcc": 262, "countries": ["DE"]}], ABROAD, FRANCE),
    (REACH, "reachability-data"): ([{"type": "detached"}], HOME, {}),
    (REACH, "reachability-sms"): ([], {"type": "reach", "data": False}, {}),
    (REACH, "reachability-disconnected"): ([], {"type": "detached"}, {}),
    (NETWORK, "network-type-changed"): ([], {"type": "network_type", "kind": "2G"}, {"connectedNetworkType": "2G"}),
    (FENCE, "area-entered"): ([AWAY], HOME, {"area": AREA}),
    (FENCE, "area-left"): ([], AWAY, {"area": AREA}),
}


@cache
def event_validator(api: str, version: str, kind: str) -> Draft202012Validator:
    """What an event of this type must be, less two slips of the definitions.

    sim-swap-subscriptions has a placeholder where the API's own name belongs, and device-roaming-status-subscriptions
    wants a country in the event that ends a subscription, at home as well, where it knows none.
    """
    raw = yaml.load((DEFINITIONS / api / version / "openapi.yaml").read_text("utf-8"), Loader=LOADER)
    mapping = raw["components"]["schemas"]["CloudEvent"]["discriminator"]["mapping"]
    document = definition(api, version)
    schemas = document["components"]["schemas"]
    if "SimSwapNotificationEventType" in schemas:
        names = [name.replace("api-name", api) for name in schemas["SimSwapNotificationEventType"]["enum"]]
        schemas = schemas | {"SimSwapNotificationEventType": {"type": "string", "enum": names}}
    for name in {"SubscriptionEnds", "SubscriptionEnded"} & schemas.keys() if api == ROAMING else ():
        schemas = schemas | {name: {key: value for key, value in schemas[name].items() if key != "allOf"}}
    document = document | {"components": document["components"] | {"schemas": schemas}}
    return _validator(document, mapping[kind].removeprefix("#"), closed=False)


def fits(api: str, version: str, name: str, method: str, response: httpx.Response) -> None:
    """The answer is the definition's; http for loopback is what this operator adds, and CAMARA's pattern is https."""
    if not DEFINITIONS.is_dir():
        return
    validator = response_validator(api, version, name, method, response.status_code) or error_validator(api, version)
    if response.content:
        told = yaml.safe_load(response.text.replace('"http://127.0.0.1', '"https://127.0.0.1'))
        assert [error.message for error in validator.iter_errors(told)] == [], response.text


@pytest.mark.parametrize(("api", "kind"), HAPPENINGS, ids=str)
@pytest.mark.parametrize("named", [True, False], ids=["two-legged", "three-legged"])
@needs_definitions
def test_what_happens_is_told_as_the_definition_has_it(
    alba: RunningOperator, sink: Sink, api: str, kind: str, named: bool
) -> None:
    before, event, data = HAPPENINGS[api, kind]
    for version in [version for known, version in VERSIONS if known == api]:
        alba.control.reset()
        sink.forget()
        for past in before:
            alba.control.event(STEADY, past, ago_s=60)
        body = request(api, kind, sink.url, STEADY if named else None)
        token = alba.client.token(*scopes(api)) if named else alba.client.token_for(f"tel:{STEADY}", *scopes(api))
        created = alba.client.call(token, path(api, version), body)
        assert created.status_code == 201, created.text
        fits(api, version, "/subscriptions", "POST", created)
        fits(api, version, "/subscriptions", "GET", alba.client.call(token, path(api, version)))
        alba.control.event(STEADY, event)
        deleted = alba.client.call(token, f"{path(api, version)}/{created.json()['id']}", method="DELETE")
        assert deleted.status_code == 204
        old = dialect(api, version).commonalities in {"0.4", "0.5"}
        names = [kind, "subscription-ends"] if old else ["subscription-started", kind, "subscription-ended"]
        arrivals = sink.wait_for(*names)
        told = arrivals[-2]
        named_here = named or (api, version) in {(SIM, "0.1.2"), (SIM, "0.2.0")}
        about = ({"phoneNumber": STEADY} if api == SIM else {"device": {"phoneNumber": STEADY}}) if named_here else {}
        assert told.data == about | data
        for arrival in arrivals:
            problems = event_validator(api, version, arrival.event["type"]).iter_errors(arrival.event)
            assert [error.message for error in problems] == []
            assert arrival.headers["content-type"] == "application/cloudevents+json"
            assert arrival.event["data"]["subscriptionId"] == created.json()["id"]
            assert named_here or STEADY not in str(arrival.event)
        assert named or version == "0.1.2" or STEADY not in created.text
        assert len({arrival.event["id"] for arrival in arrivals}) == len(arrivals)


@pytest.mark.parametrize(("api", "kind"), HAPPENINGS, ids=str)
def test_what_does_not_set_in_is_not_told(alba: RunningOperator, sink: Sink, api: str, kind: str) -> None:
    created = subscribe(alba, api, request(api, kind, sink.url))
    alba.control.event(STEADY, {"type": "locks"})
    alba.control.event(alba.number("000102"), {"type": "sim_change"})
    alba.client.call(alba.client.token(*scopes(api)), f"{path(api)}/{created['id']}", method="DELETE")
    sink.wait_for("subscription-started", "subscription-ended")


INITIAL = {
    (ROAMING, "roaming-status"): {"roaming": False},
    (ROAMING, "roaming-off"): {},
    (ROAMING, "roaming-on"): None,
    (ROAMING, "roaming-change-country"): None,
    (REACH, "reachability-data"): {},
    (REACH, "reachability-disconnected"): None,
    (NETWORK, "network-type-changed"): {"connectedNetworkType": "4G"},
    (FENCE, "area-entered"): {"area": AREA},
    (FENCE, "area-left"): None,
}


@pytest.mark.parametrize(("asked", "data"), INITIAL.items(), ids=str)
def test_an_initial_event_tells_the_present_state_and_counts(
    alba: RunningOperator, sink: Sink, asked: tuple[str, str], data: dict[str, Any] | None
) -> None:
    api, kind = asked
    subscribe(alba, api, request(api, kind, sink.url, initialEvent=True, subscriptionMaxEvents=1))
    if data is None:
        alba.control.advance(DAY_S)
        sink.wait_for("subscription-started")
    else:
        _, told, ended = sink.wait_for("subscription-started", kind, "subscription-ended")
        assert told.data == {"device": {"phoneNumber": STEADY}} | data
        assert ended.data["terminationReason"] == "MAX_EVENTS_REACHED"


def test_after_so_many_events_it_is_over(alba: RunningOperator, sink: Sink) -> None:
    created = subscribe(alba, SIM, request(SIM, "swapped", sink.url, subscriptionMaxEvents=2))
    for _ in range(3):
        alba.control.event(STEADY, {"type": "sim_change"})
        alba.control.advance(60)
    sink.wait_for("subscription-started", "swapped", "swapped", "subscription-ended")
    assert alba.client.call(alba.client.token(*scopes(SIM)), f"{path(SIM)}/{created['id']}").status_code == 404


@pytest.mark.parametrize("ends", ["SUBSCRIPTION_EXPIRED", "ACCESS_TOKEN_EXPIRED"])
def test_what_happens_before_the_end_is_told_and_what_happens_after_it_is_not(
    alba: RunningOperator, sink: Sink, ends: str
) -> None:
    until = instant(alba, 2 * DAY_S)
    body = request(SIM, "swapped", sink.url)
    if ends == "SUBSCRIPTION_EXPIRED":
        body["config"]["subscriptionExpireTime"] = until
    else:
        body["sinkCredential"] = credential(until)
    subscribe(alba, SIM, body)
    for ago_s in (-DAY_S, -3 * DAY_S):
        alba.control.event(STEADY, {"type": "sim_change"}, ago_s=ago_s)
    alba.control.advance(10 * DAY_S)
    _, told, ended = sink.wait_for("subscription-started", "swapped", "subscription-ended")
    assert ended.data["terminationReason"] == ends
    assert datetime.fromisoformat(ended.event["time"]) == datetime.fromisoformat(until)
    assert timedelta(0) < datetime.fromisoformat(ended.event["time"]) - datetime.fromisoformat(told.event["time"])


def test_what_was_planned_is_told_when_its_time_comes(alba: RunningOperator, sink: Sink) -> None:
    subscribe(alba, SIM, request(SIM, "swapped", sink.url))
    alba.control.event(STEADY, {"type": "sim_change"}, ago_s=-0.3)
    sink.wait_for("subscription-started", "swapped")


@pytest.mark.parametrize(
    "event", [{"type": "termination"}, {"type": "ownership_change"}, {"type": "consent", "granted": False}]
)
def test_who_has_left_or_permits_nothing_any_more_is_not_told_about(
    alba: RunningOperator, sink: Sink, event: dict[str, Any]
) -> None:
    subscribe(alba, SIM, request(SIM, "swapped", sink.url))
    alba.control.event(STEADY, event)
    alba.control.event(STEADY, {"type": "sim_change"})
    ended = sink.wait_for("subscription-started", "subscription-ended")[-1]
    assert ended.data["terminationReason"] == "NETWORK_TERMINATED"


def credential(expires: str, **changes: Any) -> dict[str, Any]:
    given = {"credentialType": "ACCESSTOKEN", "accessToken": "sink-token", "accessTokenExpiresUtc": expires}
    return given | {"accessTokenType": "bearer"} | changes


def test_a_credential_opens_the_sink_and_is_never_told_back(alba: RunningOperator, sink: Sink) -> None:
    body = request(SIM, "swapped", sink.url) | {"sinkCredential": credential(instant(alba, DAY_S))}
    created = subscribe(alba, SIM, body)
    (started,) = sink.wait_for("subscription-started")
    assert started.headers["authorization"] == "Bearer sink-token"
    token = alba.client.token(*scopes(SIM))
    listed = alba.client.call(token, path(SIM)).text
    assert created["id"] in listed
    assert "sink-token" not in listed + str(created)


FAR = "2100-01-01T00:00:00Z"
PAST = "2020-01-01T00:00:00Z"
REFUSED: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "no protocol": (SIM, {"protocol": ...}, 400, "INVALID_ARGUMENT"),
    "a protocol that is not spoken": (SIM, {"protocol": "MQTT5"}, 400, "INVALID_PROTOCOL"),
    "a protocol of nobody": (SIM, {"protocol": "SMTP"}, 400, "INVALID_ARGUMENT"),
    "no types": (SIM, {"types": []}, 400, "INVALID_ARGUMENT"),
    "another API's type": (SIM, {"types": [f"org.camaraproject.{ROAMING}.v0.roaming-on"]}, 400, "INVALID_ARGUMENT"),
    "two types": (SIM, {"types": [f"org.camaraproject.{SIM}.v0.swapped"] * 2}, 400, "INVALID_ARGUMENT"),
    "two types, where there is a code": (
        ROAMING,
        {"types": [f"org.camaraproject.{ROAMING}.v0.{kind}" for kind in ("roaming-on", "roaming-off")]},
        422,
        "MULTIEVENT_SUBSCRIPTION_NOT_SUPPORTED",
    ),
    "plain credential": (SIM, {"sinkCredential": {"credentialType": "PLAIN"}}, 400, "INVALID_CREDENTIAL"),
    "refresh token": (SIM, {"sinkCredential": {"credentialType": "REFRESHTOKEN"}}, 400, "INVALID_CREDENTIAL"),
    "credential of no kind": (SIM, {"sinkCredential": {}}, 400, "INVALID_ARGUMENT"),
    "token of another type": (
        SIM,
        {"sinkCredential": credential(FAR, accessTokenType="mac")},
        400,
        "INVALID_TOKEN",
    ),
    "token that is over": (SIM, {"sinkCredential": credential(PAST)}, 400, "INVALID_TOKEN"),
    "token without end": (SIM, {"sinkCredential": credential("2100-01-01")}, 400, "INVALID_ARGUMENT"),
    "token that writes a header": (
        SIM,
        {"sinkCredential": credential(FAR, accessToken="a\r\nx: y")},
        400,
        "INVALID_TOKEN",
    ),
    "an end that is over": (
        SIM,
        {"config": {"subscriptionDetail": {"phoneNumber": STEADY}, "subscriptionExpireTime": PAST}},
        400,
        "INVALID_ARGUMENT",
    ),
    "no events at most": (
        SIM,
        {"config": {"subscriptionDetail": {"phoneNumber": STEADY}, "subscriptionMaxEvents": 0}},
        400,
        "INVALID_ARGUMENT",
    ),
    "nobody": (SIM, {"config": {"subscriptionDetail": {}}}, 422, "MISSING_IDENTIFIER"),
    "an address that cannot be used": (
        ROAMING,
        {"config": {"subscriptionDetail": {"device": {"ipv6Address": "2001:db8::1"}}}},
        422,
        "UNSUPPORTED_IDENTIFIER",
    ),
    "no area": (
        FENCE,
        {"config": {"subscriptionDetail": {"device": {"phoneNumber": STEADY}}}},
        400,
        "INVALID_ARGUMENT",
    ),
    "a small area": (
        FENCE,
        {"config": {"subscriptionDetail": {"device": {"phoneNumber": STEADY}, "area": AREA | {"radius": 50}}}},
        422,
        "GEOFENCING_SUBSCRIPTIONS.INVALID_AREA",
    ),
    "an area elsewhere": (
        FENCE,
        {
            "config": {
                "subscriptionDetail": {
                    "device": {"phoneNumber": STEADY},
                    "area": AREA | {"center": {"latitude": -40.0, "longitude": 170.0}},
                }
            }
        },
        422,
        "GEOFENCING_SUBSCRIPTIONS.AREA_NOT_COVERED",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("api", "changes", "status", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_request_is_refused_with_its_code(
    alba: RunningOperator, sink: Sink, api: str, changes: dict[str, Any], status: int, code: str
) -> None:
    good = request(api, next(iter(KINDS[api])), sink.url)
    body = {name: value for name, value in (good | changes).items() if value is not ...}
    response = alba.client.call(alba.client.token(*scopes(api)), path(api), body)
    assert (response.status_code, response.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9999/x", True),
        ("https://127.0.0.1/x?a=b", True),
        ("http://[::1]:80/", True),
        ("https://sink.example/x", True),
        ("http://sink.example/x", False),
        ("https://sink.example.evil.example/", False),
        ("https://other.example/", False),
        ("http://localhost:9999/", False),
        ("http://169.254.169.254/latest/meta-data/", False),
        ("https://10.0.0.1/", False),
        ("https://[fe80::1]/", False),
        ("http://0.0.0.0/", False),
        ("http://2130706433/", False),
        ("http://127.1/", False),
        ("http://127.0.0.1@10.0.0.1/", False),
        ("http://user:secret@127.0.0.1/", False),
        ("http://127.0.0.1\\@10.0.0.1/", False),
        ("http://127.0.0.1/\r\nx: y", False),
        ("http://127.0.0.1:99999/", False),
        ("file:///etc/passwd", False),
        ("gopher://127.0.0.1/", False),
        ("//127.0.0.1/", False),
        ("", False),
    ],
)
def test_a_sink_is_on_this_machine_or_at_a_host_that_was_allowed(
    alba: RunningOperator, url: str, allowed: bool
) -> None:
    hosts = frozenset({"sink.example"})
    if allowed:
        check_sink(url, hosts)
        return
    with pytest.raises(BadSink):
        check_sink(url, hosts)
    response = alba.client.call(alba.client.token(*scopes(SIM)), path(SIM), request(SIM, "swapped", url))
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_SINK")


def test_a_token_for_one_type_subscribes_to_no_other(alba: RunningOperator, sink: Sink) -> None:
    token = alba.client.token(f"{ROAMING}:org.camaraproject.{ROAMING}.v0.roaming-on:create")
    for kind, status in (("roaming-off", 403), ("roaming-on", 201)):
        response = alba.client.call(token, path(ROAMING), request(ROAMING, kind, sink.url))
        assert response.status_code == status
        assert status == 201 or response.json()["code"] == "SUBSCRIPTION_MISMATCH"
    assert alba.client.call(token, path(ROAMING)).status_code == 403


def test_the_same_subscription_twice_is_a_conflict(alba: RunningOperator, sink: Sink) -> None:
    body = request(SIM, "swapped", sink.url)
    subscribe(alba, SIM, body)
    response = alba.client.call(alba.client.token(*scopes(SIM)), path(SIM), body)
    assert (response.status_code, response.json()["code"]) == (409, "ALREADY_EXISTS")
    subscribe(alba, SIM, body | {"sink": f"{sink.url}/other"})


def test_a_subscription_is_its_clients_and_its_subjects(alba: RunningOperator, sink: Sink) -> None:
    """A three-legged token sees what its own subscriber's token made; a two-legged one what bodies named."""
    other = alba.number("000103")
    by_token = alba.client.token_for(f"tel:{STEADY}", *scopes(SIM))
    mine = alba.client.call(by_token, path(SIM), request(SIM, "swapped", sink.url, None)).json()["id"]
    named = subscribe(alba, SIM, request(SIM, "swapped", sink.url))["id"]
    tokens = {
        by_token: [mine],
        alba.client.token_for(f"tel:{other}", *scopes(SIM)): [],
        alba.client.token(*scopes(SIM)): [named],
    }
    for token, visible in tokens.items():
        assert [one["id"] for one in alba.client.call(token, path(SIM)).json()] == visible
        for hidden in {mine, named} - set(visible):
            for method in ("GET", "DELETE"):
                response = alba.client.call(token, f"{path(SIM)}/{hidden}", method=method)
                assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_a_sink_in_trouble_is_tried_again_and_what_follows_waits(alba: RunningOperator) -> None:
    with running_sink([503, 429]) as sink:
        subscribe(alba, SIM, request(SIM, "swapped", sink.url))
        alba.control.event(STEADY, {"type": "sim_change"})
        arrivals = sink.wait_for(*["subscription-started"] * 3, "swapped")
        assert len({arrival.event["id"] for arrival in arrivals[:3]}) == 1


def test_a_sink_that_is_gone_ends_it_and_is_left_alone(alba: RunningOperator) -> None:
    with running_sink([410]) as sink:
        created = subscribe(alba, SIM, request(SIM, "swapped", sink.url))
        sink.wait_for("subscription-started")
        token = alba.client.token(*scopes(SIM))
        for _ in range(100):
            if alba.client.call(token, f"{path(SIM)}/{created['id']}").status_code == 404:
                break
        else:
            pytest.fail("the subscription goes on")
        alba.control.event(STEADY, {"type": "sim_change"})
        sink.wait_for("subscription-started")


@pytest.mark.parametrize("status", [400, 401, 403, 302])
def test_a_refusal_is_not_tried_again_and_nobody_is_followed(alba: RunningOperator, sink: Sink, status: int) -> None:
    with running_sink([status]) as refusing:
        refusing.location = sink.url
        subscribe(alba, SIM, request(SIM, "swapped", refusing.url))
        alba.control.event(STEADY, {"type": "sim_change"})
        refusing.wait_for("subscription-started", "swapped")
        sink.wait_for()


def test_an_end_is_brought_forward_to_what_this_operator_allows(alba: RunningOperator, sink: Sink) -> None:
    created = subscribe(alba, SIM, request(SIM, "swapped", sink.url, subscriptionExpireTime=FAR))
    assert datetime.fromisoformat(created["expiresAt"]) < datetime.now(UTC) + timedelta(days=91)
