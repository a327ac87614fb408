"""The adapter made of a manifest: whatever an operator does, ``observe`` answers with a signal."""

import asyncio
import base64
import json
import logging
import time
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from broker.adapter_kit.adapter import Adapter, Capability, CeremonyProof, OperatorFault
from broker.adapter_kit.assembly import Surroundings, assemble, open_adapter, package_of, tls_context
from broker.adapter_kit.codes import KitCode
from broker.adapter_kit.deployment import OperatorSettings
from broker.adapter_kit.manifest import Manifest, load_manifest
from broker.adapter_kit.manifest_adapter import ManifestAdapter
from broker.adapter_kit.transport import Transport
from broker.clock import SystemClock
from broker.domain.signal import (
    AgeRange,
    Flag,
    Match,
    Observed,
    Overlap,
    Presence,
    SignalName,
    Source,
    Unavailability,
    Unavailable,
)
from broker.errors import Misconfigured
from tests.unit.adapter_kit.pretend import KEY, MADRID, PretendOperator, camara_error, loopback, ok, query

U = Unavailability
SOURCE = Source("alba", "sim-swap", "2.1.0")
SIM_DATE = "/sim-swap/v2/retrieve-date"


FIRST = {
    SignalName.SIM_SWAP,
    SignalName.DEVICE_SWAP,
    SignalName.CALL_FORWARDING,
    SignalName.NUMBER_VERIFICATION,
    SignalName.LOCATION,
}


def settings(**overrides: Any) -> OperatorSettings:
    given = {"adapter": "mock", "base_url": "https://operator.example", "client_id": "trust-broker"}
    return OperatorSettings.model_validate({**given, **overrides})


@pytest.fixture
def operator() -> PretendOperator:
    return PretendOperator()


@pytest.fixture
def adapter(operator: PretendOperator) -> Adapter:
    return ManifestAdapter(operator.parts(load_manifest("adapters.mock"), settings()))


def test_the_capabilities_are_the_manifests(adapter: Adapter) -> None:
    assert adapter.operator == "alba"
    assert FIRST <= set(adapter.capabilities) <= set(SignalName)
    scopes = ("sim-swap:retrieve-date", "sim-swap:check")  # asked about at consent-info, which this operator offers
    assert adapter.capabilities[SignalName.SIM_SWAP] == Capability(SignalName.SIM_SWAP, "sim-swap", "2.1.0", scopes)


async def test_every_signal_of_the_modern_operator_is_observed(operator: PretendOperator, adapter: Adapter) -> None:
    operator.on(SIM_DATE, ok({"latestSimChange": "2026-11-22T09:00:00Z"}))
    operator.on("/device-swap/v1/retrieve-date", ok({"latestDeviceChange": "2026-11-21T12:00:00Z"}))
    operator.on("/call-forwarding-signal/v0.4/unconditional-call-forwardings", ok({"active": False}))
    operator.on("/number-verification/v2/verify", ok({"devicePhoneNumberVerified": True}))
    located = {"verificationResult": "PARTIAL", "matchRate": 40, "lastLocationTime": "2026-11-22T11:00:00Z"}
    operator.on("/location-verification/v3/verify", ok(located))
    values = {}
    for name in sorted(FIRST):
        signal = await adapter.observe(query(name, location=MADRID, operator_token="opaque"))
        assert isinstance(signal, Observed), signal
        assert signal.source == Source("alba", adapter.capabilities[name].api, adapter.capabilities[name].version)
        assert signal.observed_at == operator.clock.now()
        values[name] = signal.value
    assert values == {
        SignalName.SIM_SWAP: AgeRange(10_800.0, 10_800.0),
        SignalName.DEVICE_SWAP: AgeRange(86_400.0, 86_400.0),
        SignalName.CALL_FORWARDING: Flag(active=False),
        SignalName.NUMBER_VERIFICATION: Match(matched=True),
        SignalName.LOCATION: Presence(Overlap.PARTIAL, 40, 3600.0),
    }


async def test_the_older_operator_is_asked_its_own_way(operator: PretendOperator) -> None:
    parts = operator.parts(load_manifest("adapters.mock_legacy"), settings(), operator.tokens(secret="s3cret"))
    adapter = ManifestAdapter(parts)
    operator.on("/sim-swap/v1/retrieve-date", ok({"latestSimChange": "2026-11-22T09:00:00Z"}))
    operator.on("/location-verification/v1/verify", ok({"verificationResult": "FALSE"}))
    swap = await adapter.observe(query(SignalName.SIM_SWAP))
    place = await adapter.observe(query(SignalName.LOCATION, location=MADRID))
    assert isinstance(swap, Observed)
    assert isinstance(place, Observed)
    assert [sorted(form) for form in operator.forms] == [["grant_type", "scope"], ["assertion", "grant_type"]]
    assert operator.token_headers[0]["authorization"].startswith("Basic ")
    assert operator.bodies[0] == {"phoneNumber": "+34600000101"}
    assert "device" not in operator.bodies[1]


@pytest.mark.parametrize(
    ("answer", "reason", "code"),
    [
        (ok({"latestSimChange": None}), U.NOT_APPLICABLE, KitCode.NO_MONITORED_PERIOD),
        (ok({"latestSimChange": "1900-01-01T00:00:00Z"}), U.MALFORMED, KitCode.ABSURD_DATE),
        (ok("{"), U.MALFORMED, KitCode.NOT_JSON),
        (ok("x" * 70_000), U.MALFORMED, KitCode.RESPONSE_TOO_LARGE),
        (ok(b"\x1f\x8b", **{"content-encoding": "gzip"}), U.MALFORMED, KitCode.CONTENT_ENCODED),
        (camara_error(403, "PERMISSION_DENIED"), U.NOT_PERMITTED, "PERMISSION_DENIED"),
        (camara_error(404, "IDENTIFIER_NOT_FOUND"), U.UNKNOWN_SUBSCRIBER, "IDENTIFIER_NOT_FOUND"),
        (camara_error(422, "SERVICE_NOT_APPLICABLE"), U.NOT_APPLICABLE, "SERVICE_NOT_APPLICABLE"),
        (camara_error(422, "MISSING_IDENTIFIER"), U.OPERATOR_ERROR, "MISSING_IDENTIFIER"),
        (camara_error(429, "QUOTA_EXCEEDED"), U.OPERATOR_ERROR, "QUOTA_EXCEEDED"),
        (httpx.Response(302, headers={"location": "https://evil.example"}), U.OPERATOR_ERROR, KitCode.REDIRECTED),
        (httpx.Response(503, text="<html>"), U.OPERATOR_ERROR, "UNAVAILABLE"),
    ],
)
async def test_trouble_is_a_signal_with_its_source(
    operator: PretendOperator, adapter: Adapter, answer: httpx.Response, reason: U, code: str
) -> None:
    operator.on(SIM_DATE, answer)
    assert await adapter.observe(query(SignalName.SIM_SWAP)) == Unavailable(
        SignalName.SIM_SWAP, reason, code, SOURCE, 0.0
    )


async def test_a_token_that_is_refused_is_a_signal(operator: PretendOperator, adapter: Adapter) -> None:
    operator.token_answers = [httpx.Response(400, json={"error": "unknown_user_id"})]
    signal = await adapter.observe(query(SignalName.SIM_SWAP))
    assert signal == Unavailable(SignalName.SIM_SWAP, U.UNKNOWN_SUBSCRIBER, "unknown_user_id", SOURCE, 0.0)


async def test_latency_is_the_clocks(operator: PretendOperator, adapter: Adapter) -> None:
    def slow(body: dict[str, Any]) -> httpx.Response:
        operator.clock.advance(0.25)
        return ok({"latestSimChange": "2026-11-22T09:00:00Z"})

    operator.on(SIM_DATE, slow)
    signal = await adapter.observe(query(SignalName.SIM_SWAP))
    assert isinstance(signal, Observed)
    assert signal.latency_ms == pytest.approx(250.0)


async def test_what_is_not_in_the_manifest_is_unsupported(operator: PretendOperator) -> None:
    adapter = ManifestAdapter(operator.parts(load_manifest("adapters.mock_legacy"), settings()))
    signal = await adapter.observe(query(SignalName.CALL_FORWARDING))
    assert signal == Unavailable(SignalName.CALL_FORWARDING, U.UNSUPPORTED, KitCode.NOT_OFFERED)


async def test_a_grant_that_names_another_person_is_declared_and_not_asked(operator: PretendOperator) -> None:
    text = """
        name = "someone"
        title = "Someone"
        [[capabilities]]
        api = "sim-swap"
        version = "2.1.0"
        flow = "authorization_code"
    """
    adapter = ManifestAdapter(operator.parts(Manifest.model_validate(tomllib.loads(text)), settings()))
    assert SignalName.SIM_SWAP in adapter.capabilities
    proof = CeremonyProof("code", "v" * 43, "https://broker.example", "sim-swap")
    signal = await adapter.observe(query(SignalName.SIM_SWAP, proof=proof))
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (U.UNSUPPORTED, KitCode.SUBJECT_UNPROVEN)
    assert not operator.forms
    assert not operator.calls
    with pytest.raises(OperatorFault):
        adapter.start_ceremony(SignalName.SIM_SWAP, "Fraud")


async def test_a_past_deadline_is_a_timeout_and_asks_nobody(operator: PretendOperator, adapter: Adapter) -> None:
    signal = await adapter.observe(query(SignalName.SIM_SWAP, deadline_s=999.0))
    assert isinstance(signal, Unavailable)
    assert (signal.reason, signal.code) == (U.TIMEOUT, KitCode.DEADLINE)
    assert operator.forms == []
    assert operator.calls == []


async def test_our_own_mistake_is_an_operator_error_and_is_logged_without_the_subject(
    operator: PretendOperator, adapter: Adapter, caplog: pytest.LogCaptureFixture
) -> None:
    # The correlator is ours, so one that cannot be sent is our own mistake, and it quotes what it was made from.
    with caplog.at_level(logging.DEBUG):
        signal = await adapter.observe(query(SignalName.SIM_SWAP, correlator="+34600000101-ñ", operator_token="opaque"))
    assert signal == Unavailable(SignalName.SIM_SWAP, U.OPERATOR_ERROR, KitCode.INTERNAL, SOURCE, 0.0)
    assert "UnicodeEncodeError" in caplog.text
    for secret in ("34600000101", "opaque", "token-1"):
        assert secret not in caplog.text


async def test_nothing_personal_is_logged_whatever_happens(
    operator: PretendOperator, adapter: Adapter, caplog: pytest.LogCaptureFixture
) -> None:
    operator.on(SIM_DATE, camara_error(500, "INTERNAL"), ok("{"), camara_error(401, "UNAUTHENTICATED"))
    with caplog.at_level(logging.DEBUG):
        for _ in range(4):
            await adapter.observe(query(SignalName.SIM_SWAP))
    assert "34600000101" not in caplog.text
    assert "token-" not in caplog.text


async def test_cancellation_passes_through(operator: PretendOperator, adapter: Adapter) -> None:
    operator.token_gate = asyncio.Event()
    task = asyncio.create_task(adapter.observe(query(SignalName.SIM_SWAP)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await adapter.aclose()


def key_file(folder: Path) -> Path:
    path = folder / "client.pem"
    path.write_bytes(KEY.as_pem(private=True))
    return path


@pytest.mark.parametrize(
    ("package", "given", "missing"),
    [
        ("adapters.mock", {}, "client_key"),
        ("adapters.mock_legacy", {}, "client_secret"),
        ("adapters.mock_legacy", {"client_secret": {"env": "PATH"}}, "client_key"),
        ("adapters.mock", {"client_key": {"file": "nowhere.pem"}}, "nowhere.pem"),
        ("adapters.mock", {"client_key": {"env": "PATH"}}, "not a PEM or JWK key for ES256"),
    ],
)
def test_a_missing_credential_is_named_at_start(
    operator: PretendOperator, package: str, given: dict[str, object], missing: str
) -> None:
    with pytest.raises(Misconfigured, match=missing):
        assemble("alba", load_manifest(package), settings(**given), operator.transport, operator.surroundings)


@pytest.mark.parametrize(
    ("oauth", "flow", "own", "missing"),
    [
        ('client_auth = "tls_client_auth"', "ciba", {}, "needs tls.certificate; name a file"),
        ('client_auth = "tls_client_auth"', "ciba", {"tls": {"ca": "ca.pem"}}, "needs tls.certificate"),
        ('client_auth = "basic"', "ciba", {}, "needs client_secret"),
        (
            'client_auth = "basic"\nsigned_requests = true',
            "ciba",
            {"client_secret": {"env": "PATH"}},
            "needs client_key",
        ),
        ('client_auth = "basic"', "authorization_code", {"client_secret": {"env": "PATH"}}, "needs redirect_uri; name"),
    ],
)
def test_a_grant_without_what_it_takes_is_refused_at_start(
    operator: PretendOperator, oauth: str, flow: str, own: dict[str, object], missing: str
) -> None:
    text = f"""
        name = "someone"
        title = "Someone"
        [oauth]
        {oauth}
        [[capabilities]]
        api = "number-verification"
        version = "2.1.0"
        flow = "{flow}"
    """
    manifest = Manifest.model_validate(tomllib.loads(text))
    with pytest.raises(Misconfigured, match=f"operator alba: adapter someone {missing}"):
        assemble("alba", manifest, settings(**own), operator.transport, operator.surroundings)


def test_a_certificate_that_cannot_be_used_is_named_at_start(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("not a certificate")
    wrong = settings(tls={"certificate": tmp_path / "a.pem", "key": tmp_path / "a.pem"})
    with pytest.raises(Misconfigured, match="operator alba: tls: cannot be used"):
        tls_context("alba", wrong)


def test_a_price_for_what_is_not_offered_is_a_mistake(operator: PretendOperator, tmp_path: Path) -> None:
    priced = settings(
        client_key={"file": key_file(tmp_path)}, price={"currency": "EUR", "per_call": {"sim-swop": "0.02"}}
    )
    with pytest.raises(Misconfigured, match="sim-swop"):
        assemble("alba", load_manifest("adapters.mock"), priced, operator.transport, operator.surroundings)


@pytest.mark.parametrize(
    ("style", "given", "audience"),
    [
        ("endpoint", {}, "https://operator.example/oauth2/token"),
        ("endpoint", {"token_url": "https://auth.example/t"}, "https://auth.example/t"),
        ("issuer", {}, "https://operator.example"),
        ("issuer", {"issuer": "https://issuer.example"}, "https://issuer.example"),
    ],
)
async def test_assertions_are_addressed_as_the_manifest_says(
    tmp_path: Path, style: str, given: dict[str, str], audience: str
) -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        form = dict(httpx.QueryParams(request.content.decode()))
        middle = form["client_assertion"].split(".")[1]
        seen.append((str(request.url), json.loads(base64.urlsafe_b64decode(middle + "=="))))
        return httpx.Response(503)

    manifest = load_manifest("adapters.mock")
    changed = manifest.model_copy(update={"oauth": manifest.oauth.model_copy(update={"assertion_audience": style})})
    own = settings(client_key={"file": key_file(tmp_path)}, **given)
    surroundings = PretendOperator().surroundings
    adapter = ManifestAdapter(assemble("alba", changed, own, Transport(httpx.MockTransport(handler)), surroundings))
    await adapter.observe(query(SignalName.SIM_SWAP))
    assert seen[0][0] == given.get("token_url", "https://operator.example/oauth2/token")
    assert seen[0][1]["aud"] == audience


def test_installed_adapters_are_found_and_others_named() -> None:
    assert package_of("mock") == "adapters.mock"
    with pytest.raises(Misconfigured, match=r"no adapter 'nobody' is installed; install its package, or use .*mock"):
        package_of("nobody")


HANGING_S = 5


async def test_an_opened_adapter_asks_over_real_sockets_and_keeps_the_deadline(tmp_path: Path) -> None:
    clock = SystemClock()

    async def hang(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await asyncio.sleep(HANGING_S)

    async with loopback(hang) as server:
        own = settings(base_url=server.url.removesuffix("/sim-swap/v2/check"), client_key={"file": key_file(tmp_path)})
        adapter = open_adapter("alba", own, Surroundings(clock, Random(3)))
        started = time.monotonic()
        question = query(SignalName.SIM_SWAP, deadline_s=clock.monotonic_s() + 0.2)
        signal = await adapter.observe(question)
        assert isinstance(signal, Unavailable)
        assert signal.reason is U.TIMEOUT
        assert time.monotonic() - started < HANGING_S
        assert server.requests[0].startswith(b"POST /oauth2/token ")
        await adapter.aclose()
        await asyncio.sleep(0)


@pytest.mark.parametrize("http_client", ["aiohttp", "httpx"])
async def test_an_opened_adapter_observes_over_real_sockets(tmp_path: Path, http_client: Any) -> None:
    clock = SystemClock()

    async def operator(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = server.requests[-1]
        body: dict[str, object] = {"latestSimChange": "2026-01-01T00:00:00Z"}
        if request.startswith(b"POST /oauth2/token "):
            body = {"access_token": "t", "token_type": "Bearer", "expires_in": "60"}
        content = json.dumps(body).encode()
        echo = b"".join(line + b"\r\n" for line in request.split(b"\r\n") if line.lower().startswith(b"x-correlator"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(content), echo, content))

    async with loopback(operator) as server:
        own = settings(base_url=server.url.removesuffix("/sim-swap/v2/check"), client_key={"file": key_file(tmp_path)})
        adapter = open_adapter("alba", own, Surroundings(clock, Random(3), http_client))
        for _ in range(2):
            signal = await adapter.observe(query(SignalName.SIM_SWAP, deadline_s=clock.monotonic_s() + 2))
            assert isinstance(signal, Observed), signal
        assert len(server.requests) == 3
        await adapter.aclose()
        await asyncio.sleep(0)
