"""What operators really do, one key of the manifest each: what goes over the wire, and what is believed."""

import base64
import json
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.adapter_kit.adapter import Adapter
from broker.adapter_kit.assembly import assemble
from broker.adapter_kit.camara.errors import CODES, ROWS, ErrorDialect, OutOfRange, fault_of
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.manifest import Manifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.domain.signal import Observed, Signal, SignalName, Unavailability, Unavailable
from broker.errors import Misconfigured
from tests.unit.adapter_kit.pretend import KEY, ROOT, PretendOperator, ok, query

U = Unavailability
SECRET = "s3cret of the tests"
API_KEY = "key-of-the-gateway"
NEVER = {"latestSimChange": "2026-01-01T00:00:00Z"}

TEL = """
    [[capabilities]]
    api = "device-swap"
    version = "1.0.0"
    flow = "jwt_bearer_tel"
"""


class Scene:
    """An operator of one manifest, and what it was sent."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operator = PretendOperator()
        monkeypatch.setenv("OPERATOR_SECRET", SECRET)
        monkeypatch.setenv("OPERATOR_API_KEY", API_KEY)
        self._key = folder / "client.pem"
        self._key.write_bytes(KEY.as_pem(private=True))

    def adapter(
        self,
        *,
        top: str = "",
        oauth: str = 'client_auth = "basic"',
        capability: str = "",
        flow: str = "client_credentials",
        **own: Any,
    ) -> Adapter:
        text = f"""
            name = "someone"
            title = "Someone"
            {top}
            [oauth]
            {oauth}
            [[capabilities]]
            api = "sim-swap"
            version = "2.1.0"
            flow = "{flow}"
            {capability}
        """
        given: dict[str, Any] = {
            "adapter": "mock",
            "base_url": ROOT,
            "client_id": "trust-broker",
            "client_secret": {"env": "OPERATOR_SECRET"},
            "client_key": {"file": self._key},
            "api_key": {"env": "OPERATOR_API_KEY"},
        }
        manifest = Manifest.model_validate(tomllib.loads(text))
        settings = OperatorSettings.model_validate({**given, **own})
        parts = assemble("alba", manifest, settings, self.operator.transport, self.operator.surroundings)
        assert API_KEY not in repr(parts)
        return ManifestAdapter(parts)

    async def ask(self, path: str = "/sim-swap/v2/retrieve-date", answer: Any = None, **manifest: Any) -> Signal:
        self.operator.on(path, answer or ok(NEVER))
        return await self.adapter(**manifest).observe(query(SignalName.SIM_SWAP))

    @property
    def form(self) -> dict[str, str]:
        return self.operator.forms[0]

    @property
    def api_headers(self) -> httpx.Headers:
        return self.operator.calls[0][2]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


async def test_basic_credentials_may_have_a_header_of_their_own(scene: Scene) -> None:
    assert isinstance(await scene.ask(oauth='client_auth = "basic"\nbasic_header = "x-client-auth"'), Observed)
    headers = scene.operator.token_headers[0]
    assert headers["x-client-auth"].startswith("Basic ")
    assert "authorization" not in headers


async def test_a_secret_may_go_in_the_form(scene: Scene) -> None:
    assert isinstance(await scene.ask(oauth='client_auth = "client_secret_post"'), Observed)
    assert (scene.form["client_id"], scene.form["client_secret"]) == ("trust-broker", SECRET)
    assert "authorization" not in scene.operator.token_headers[0]


async def test_an_application_may_prove_itself_with_a_bearer_token_of_its_own_making(scene: Scene) -> None:
    assert isinstance(await scene.ask(oauth='client_auth = "application_jwt"'), Observed)
    assert set(scene.form) == {"grant_type", "scope"}
    kind, _, statement = scene.operator.token_headers[0]["authorization"].partition(" ")
    claims = json.loads(base64.urlsafe_b64decode(statement.split(".")[1] + "=="))
    assert kind == "Bearer"
    assert claims["application_id"] == "trust-broker"
    assert {"iat", "exp", "jti"} <= set(claims)
    assert claims["exp"] - claims["iat"] <= 300


@pytest.mark.parametrize("way", ["client_secret_jwt"])
async def test_a_way_to_prove_oneself_that_is_not_built_is_unsupported_and_asks_nobody(scene: Scene, way: str) -> None:
    signal = await scene.ask(oauth=f'client_auth = "{way}"')
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (U.UNSUPPORTED, KitCode.CLIENT_AUTH_NOT_BUILT)
    assert not scene.operator.forms
    assert not scene.operator.calls


async def test_the_grant_may_stand_in_the_query(scene: Scene) -> None:
    scene.operator.token_answers = [ok({"access_token": "t", "token_type": "BearerToken", "expires_in": "3599"})]
    oauth = 'client_auth = "client_secret_post"\ngrant_in_query = true\ntoken_types = ["BearerToken"]'
    assert isinstance(await scene.ask(oauth=oauth), Observed)
    assert scene.operator.token_queries == ["grant_type=client_credentials"]
    assert "grant_type" not in scene.form


@pytest.mark.parametrize(("named", "reason"), [('["BearerToken"]', None), ('["Bearer"]', U.MALFORMED)])
async def test_the_token_type_may_have_another_name_where_the_manifest_says_so(
    scene: Scene, named: str, reason: U | None
) -> None:
    scene.operator.token_answers = [ok({"access_token": "t", "token_type": "BearerToken", "expires_in": "3599"})]
    signal = await scene.ask(oauth=f'client_auth = "basic"\ntoken_types = {named}')
    assert (signal.reason if isinstance(signal, Unavailable) else None) is reason


@pytest.mark.parametrize(
    ("oauth", "scope", "purpose"),
    [
        ("", "dpv:FraudPreventionAndDetection sim-swap:retrieve-date", None),
        ('scope_template = "dpv:{purpose}#{scopes}"', "dpv:FraudPreventionAndDetection#sim-swap:retrieve-date", None),
        (
            'scope_template = "openid dpv:{purpose} {scopes}"',
            "openid dpv:FraudPreventionAndDetection sim-swap:retrieve-date",
            None,
        ),
        (
            'purpose_in = "parameter"\nscope_template = "{scopes}"',
            "sim-swap:retrieve-date",
            "dpv:FraudPreventionAndDetection",
        ),
        (
            'purpose_in = "parameter"\nscope_template = ""\npurpose_template = "dpv:{purpose}#sim-swap"',
            None,
            "dpv:FraudPreventionAndDetection#sim-swap",
        ),
        (
            'purpose_in = "parameter"\nscope_template = "{scopes}"\npurpose_template = "dpv:{purpose}:{scopes}"',
            "sim-swap:retrieve-date",
            "dpv:FraudPreventionAndDetection:sim-swap:retrieve-date",
        ),
        ('purpose_in = "nowhere"\nscope_template = "{scopes}"', "sim-swap:retrieve-date", None),
        ('purpose_in = "nowhere"\nscope_template = ""', None, None),
    ],
)
async def test_purpose_and_scope_are_written_as_the_operator_wants(
    scene: Scene, oauth: str, scope: str | None, purpose: str | None
) -> None:
    assert isinstance(await scene.ask(oauth=f'client_auth = "basic"\n{oauth}'), Observed)
    assert (scene.form.get("scope"), scene.form.get("purpose")) == (scope, purpose)


@pytest.mark.parametrize("template", ["dpv:{purpose}", '"'])
async def test_a_purpose_cannot_smuggle_anything_into_the_parameter(scene: Scene, template: str) -> None:
    adapter = scene.adapter(oauth='client_auth = "basic"\npurpose_in = "parameter"\nscope_template = "{scopes}"')
    signal = await adapter.observe(query(SignalName.SIM_SWAP, purpose=f"X sim-swap:all {template}"))
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (U.NOT_PERMITTED, KitCode.PURPOSE_INVALID)
    assert scene.operator.forms == []


async def test_a_token_is_believed_no_longer_than_the_manifest_says(scene: Scene) -> None:
    scene.operator.token_answers = [ok({"access_token": "t", "token_type": "Bearer", "expires_in": 86_400})]
    scene.operator.on("/sim-swap/v2/retrieve-date", ok(NEVER))
    adapter = scene.adapter(oauth='client_auth = "basic"\nttl_max_s = 100')
    for seconds, tokens in ((0, 1), (60, 1), (40, 2)):
        scene.operator.clock.advance(seconds)
        deadline_s = scene.operator.clock.monotonic_s() + 2
        assert isinstance(await adapter.observe(query(SignalName.SIM_SWAP, deadline_s=deadline_s)), Observed)
        assert len(scene.operator.forms) == tokens


@pytest.mark.parametrize(
    ("sent_to", "token", "api"), [("apis", False, True), ("token", True, False), ("both", True, True)]
)
async def test_the_gateways_key_goes_where_it_is_wanted(scene: Scene, sent_to: str, token: bool, api: bool) -> None:
    top = f'api_key = {{ header = "x-rapidapi-key", prefix = "App ", sent_to = "{sent_to}" }}'
    assert isinstance(await scene.ask(top=top), Observed)
    for headers, expected in ((scene.operator.token_headers[0], token), (scene.api_headers, api)):
        assert headers.get("x-rapidapi-key") == (f"App {API_KEY}" if expected else None)
    assert scene.api_headers["authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("header", "prefix", "sent"),
    [("x-rapidapi-key", "", API_KEY), ("authorization", "App ", f"App {API_KEY}"), ("api_key", "", API_KEY)],
)
async def test_where_the_key_alone_opens_the_api_no_token_is_fetched(
    scene: Scene, header: str, prefix: str, sent: str
) -> None:
    top = f'api_key = {{ header = "{header}", prefix = "{prefix}" }}'
    refused = httpx.Response(401, json={"status": 401, "code": "UNAUTHENTICATED", "message": "m"})
    scene.operator.on("/sim-swap/v2/retrieve-date", ok(NEVER), refused)
    adapter = scene.adapter(top=top, oauth="", flow="api_key", client_secret=None, client_key=None)
    assert isinstance(await adapter.observe(query(SignalName.SIM_SWAP)), Observed)
    assert scene.api_headers[header] == sent
    assert scene.operator.bodies == [{"phoneNumber": "+34600000101"}]
    signal = await adapter.observe(query(SignalName.SIM_SWAP))
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (U.OPERATOR_ERROR, "UNAUTHENTICATED")
    assert (len(scene.operator.calls), scene.operator.forms) == (2, [])


async def test_fixed_headers_go_with_every_request_and_the_deployments_win(scene: Scene) -> None:
    top = 'headers = { x-rapidapi-host = "shared.example", x-brand = "one" }'
    await scene.ask(top=top, headers={"x-brand": "two", "x-customerid": "42"})
    for headers in (scene.operator.token_headers[0], scene.api_headers):
        assert (headers["x-rapidapi-host"], headers["x-brand"], headers["x-customerid"]) == (
            "shared.example",
            "two",
            "42",
        )


@pytest.mark.parametrize(
    ("top", "capability", "path"),
    [
        (
            'path_template = "/passthrough/camara/v1/{api}/{api}/{v}"',
            "",
            "/passthrough/camara/v1/sim-swap/sim-swap/v2/retrieve-date",
        ),
        ('path_template = "/camara/{api}/v{digits}"', "", "/camara/sim-swap/v210/retrieve-date"),
        ('path_template = "/{api}"', "", "/sim-swap/retrieve-date"),
        ('path_template = "/{api}"', 'base_path = "/own"', "/own/retrieve-date"),
        ("", 'paths = { retrieve-date = "/retrieve" }', "/sim-swap/v2/retrieve"),
        ("", 'base_path = "/kpn/sim-swap"\npaths = { retrieve-date = "" }', "/kpn/sim-swap"),
    ],
)
async def test_paths_follow_the_operators_template(scene: Scene, top: str, capability: str, path: str) -> None:
    assert isinstance(await scene.ask(path, top=top, capability=capability), Observed)
    assert scene.operator.calls[0][0] == path


def answer(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, content=json.dumps(body))


@pytest.mark.parametrize(
    ("errors", "status", "body", "reason", "code"),
    [
        ("", 403, {"code": 53, "message": "m"}, U.NOT_PERMITTED, "PERMISSION_DENIED"),
        ('envelope = "gateway"', 403, {"code": 53, "message": "m"}, U.NOT_PERMITTED, "PERMISSION_DENIED"),
        (
            'envelope = "gateway"\ncodes = { 53 = "TOO_MANY_REQUESTS" }',
            403,
            {"code": 53},
            U.OPERATOR_ERROR,
            "TOO_MANY_REQUESTS",
        ),
        (
            'envelope = "gateway"\ncodes = { 53 = "TOO_MANY_REQUESTS" }',
            403,
            {"code": "53"},
            U.OPERATOR_ERROR,
            "TOO_MANY_REQUESTS",
        ),
        (
            'envelope = "gateway"',
            404,
            {"status": 404, "code": "IDENTIFIER_NOT_FOUND"},
            U.UNKNOWN_SUBSCRIBER,
            "IDENTIFIER_NOT_FOUND",
        ),
        (
            'envelope = "service_exception"\ncodes = { UNKNOWN_MSISDN = "IDENTIFIER_NOT_FOUND" }',
            400,
            {"requestError": {"serviceException": {"messageId": "UNKNOWN_MSISDN", "text": "t"}}},
            U.UNKNOWN_SUBSCRIBER,
            "IDENTIFIER_NOT_FOUND",
        ),
        (
            'envelope = "service_exception"',
            404,
            {"status": 404, "code": "IDENTIFIER_NOT_FOUND"},
            U.UNKNOWN_SUBSCRIBER,
            "IDENTIFIER_NOT_FOUND",
        ),
        ('envelope = "service_exception"', 503, {"requestError": 1}, U.OPERATOR_ERROR, "UNAVAILABLE"),
        ('envelope = "gateway"', 500, {"code": None}, U.OPERATOR_ERROR, "INTERNAL"),
    ],
)
async def test_errors_are_read_in_the_operators_own_form(
    scene: Scene, errors: str, status: int, body: object, reason: U, code: str
) -> None:
    signal = await scene.ask(answer=answer(status, body), capability=f"[errors]\n{errors}")
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (reason, code)


def test_an_operators_own_code_can_mean_out_of_range() -> None:
    dialect = ErrorDialect("gateway", {"7": "OUT_OF_RANGE"})
    assert isinstance(fault_of(400, b'{"code": 7}', U.UNSUPPORTED, dialect), OutOfRange)


def test_every_code_has_a_status_and_a_reason_of_its_own() -> None:
    assert set(CODES) == {code for _, code in ROWS}
    assert all(ROWS[status, code] is reason for code, (status, reason) in CODES.items())


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"oauth": 'purpose_in = "parameter"'}, "only {scopes} may stand here"),
        (
            {"oauth": 'purpose_in = "nowhere"\nscope_template = "dpv:{purpose} {scopes}"'},
            "only {scopes} may stand here",
        ),
        ({"oauth": 'purpose_template = "dpv:X"'}, "purpose_template: needs exactly one"),
        ({"oauth": 'basic_header = "Host"'}, "pattern"),
        ({"oauth": 'basic_header = "host"'}, "kit's own"),
        ({"oauth": "token_types = []"}, "at least 1"),
        ({"oauth": "ttl_max_s = 0"}, "greater than or equal to 1"),
        ({"top": 'headers = { authorization = "x" }'}, "carries the token"),
        ({"top": 'headers = { content-length = "0" }'}, "kit's own"),
        ({"top": 'headers = { x-a = "b\\r\\nx-c: d" }'}, "pattern"),
        ({"top": 'api_key = { header = "x-correlator" }'}, "kit's own"),
        ({"top": 'api_key = { header = "authorization" }'}, "carries the token of another flow"),
        ({"flow": "api_key"}, "needs one that is sent to the APIs"),
        ({"flow": "api_key", "top": 'api_key = { header = "x-k", sent_to = "token" }'}, "that is sent to the APIs"),
        ({"top": 'path_template = "/{who}"'}, "pattern"),
        ({"top": 'path_template = "//{api}"'}, "pattern"),
        ({"capability": 'paths = { check = "no-slash" }'}, "pattern"),
        ({"capability": 'paths = { chekc = "/x" }'}, "operations, paths and scopes must be among"),
        ({"capability": '[errors]\ncodes = { 53 = "NO_SUCH_CODE" }'}, "no code of CAMARA's"),
        ({"capability": '[errors]\nenvelope = "xml"'}, "gateway"),
        (
            {"oauth": 'purpose_in = "nowhere"\nscope_template = ""', "capability": TEL},
            "give one",
        ),
    ],
)
def test_what_no_operator_can_mean_is_refused(scene: Scene, change: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        scene.adapter(**change)


@pytest.mark.parametrize(
    ("given", "complaint"), [({"api_key": None}, "needs api_key"), ({"client_secret": None}, "needs client_secret")]
)
def test_a_missing_key_is_named_at_start(scene: Scene, given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Misconfigured, match=complaint):
        scene.adapter(top='api_key = { header = "x-api-key" }', **given)


def test_a_key_that_would_write_a_header_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_API_KEY", "a\r\nx-other: b")
    with pytest.raises(Misconfigured, match="printable ASCII") as caught:
        scene.adapter(top='api_key = { header = "x-api-key" }')
    assert "x-other" not in str(caught.value)


def test_what_was_not_ordered_is_not_offered(scene: Scene) -> None:
    offered = scene.adapter().capabilities
    assert offered
    left = scene.adapter(not_ordered={one.api for one in offered.values()}).capabilities
    assert not left


def test_leaving_out_what_is_not_offered_is_a_mistake(scene: Scene) -> None:
    with pytest.raises(Misconfigured, match="not_ordered names kyc-mach; adapter someone offers"):
        scene.adapter(not_ordered={"kyc-mach"})
