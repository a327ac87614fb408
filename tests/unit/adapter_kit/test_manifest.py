"""What people write about operators: read strictly, and every complaint names the file, the key and the fix."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from adapters.mock.operator.profile import Legs, load_profile
from broker.adapter_kit.camara import APIS
from broker.adapter_kit.camara.line import IdentifierRule
from broker.adapter_kit.camara.urls import url_version
from broker.adapter_kit.deployment import OperatorSettings, SecretRef, load_operator, load_operators
from broker.adapter_kit.manifest import CapabilityManifest, Manifest, OAuthManifest, load_manifest
from broker.adapter_kit.oauth import Flow
from broker.domain.signal import SignalName
from broker.errors import Misconfigured

PROJECT = Path(__file__).parents[3]
GOOD = """
name = "good"
title = "Good operator"

[oauth]
client_auth = "basic"

[[capabilities]]
api = "sim-swap"
version = "2.1.0"
flow = "client_credentials"
"""
OPERATOR = """
adapter = "mock"
base_url = "https://api.operator.example/camara/"
client_id = "trust-broker"
"""


def write(folder: Path, text: str, name: str = "manifest.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


SIM_ONLY = "number-verification"


@pytest.mark.parametrize(("adapter", "profile"), [("mock", "alba"), ("mock_legacy", "borealis")])
def test_the_shipped_manifests_offer_what_the_pretend_operators_do(adapter: str, profile: str) -> None:
    manifest = load_manifest(f"adapters.{adapter}")
    offered = [one for one in load_profile(profile).apis if not one.name.endswith("-subscriptions")]
    assert {(one.api, one.version) for one in manifest.apis} == {(one.name, one.version) for one in offered}
    two_legged = {one.name for one in offered if Legs.TWO in one.legs}
    for one in manifest.apis:
        expected = Flow.CLIENT_CREDENTIALS if one.api in two_legged else Flow.JWT_BEARER_TEL
        assert one.flow is (Flow.JWT_BEARER_OPERATOR_TOKEN if one.api == SIM_ONLY else expected)


def test_the_shipped_manifests_prove_the_client_as_their_operators_want() -> None:
    mock, legacy = load_manifest("adapters.mock"), load_manifest("adapters.mock_legacy")
    assert (mock.needs_key, mock.needs_secret) == (True, False)
    assert (legacy.needs_key, legacy.needs_secret) == (True, True)
    assert mock.oauth.token_path == legacy.oauth.token_path == "/oauth2/token"


def test_the_readme_lists_what_the_manifests_say() -> None:
    readme = (PROJECT / "adapters" / "README.md").read_text()
    table = readme.partition("## What is offered")[2].splitlines()
    rows = [line for line in table if line.startswith("| ") and not line.startswith(("| adapter", "| ---"))]
    packages = sorted(path.parent.name for path in (PROJECT / "adapters").glob("*/manifest.toml"))
    expected = [
        f"| {name} | {one.api} | {one.version} | {one.flow} |"
        for name in packages
        for one in load_manifest(f"adapters.{name}").apis
    ]
    assert rows == expected


def test_every_key_that_the_readme_names_exists() -> None:
    readme = (PROJECT / "adapters" / "README.md").read_text()
    table = readme.partition("| the operator")[2].partition("\n\n")[0]
    named = {
        key.removeprefix("oauth.")
        for key in re.findall(r"`([a-z_.]+)`", table.replace("`+`", "").replace("`x-correlator`", ""))
    }
    known = {*Manifest.model_fields, *OAuthManifest.model_fields, *CapabilityManifest.model_fields}
    assert len(named) > 10
    assert named <= known


def test_the_shipped_operators_fit_their_adapters() -> None:
    operators = load_operators(PROJECT / "config" / "operators")
    assert (operators["alba"].adapter, operators["borealis"].adapter) == ("mock", "mock_legacy")
    assert operators["alba"].base_url == "http://127.0.0.1:9101"
    assert operators["borealis"].base_url == "http://127.0.0.1:9102"
    assert (operators["cadenza"].adapter, operators["cadenza"].base_url) == ("mock_gateway", "http://127.0.0.1:9103")


def test_defaults_are_camaras() -> None:
    manifest = Manifest.model_validate(tomllib.loads(GOOD))
    capability = manifest.capabilities[0]
    assert capability.root_path == "/sim-swap/v2"
    assert capability.offered_scopes == {"retrieve-date": "sim-swap:retrieve-date", "check": "sim-swap:check"}
    assert (manifest.phone_format, manifest.correlator_echo) == ("e164", "required")


def test_deviations_are_keys(tmp_path: Path) -> None:
    text = GOOD + (
        'base_path = "/camara/simswap/v2"\noperations = ["check"]\nidentifier = "always"\n'
        'scopes = { check = "sim-swap.read" }\nwindow_hours_max = 168\n'
    )
    capability = load_manifest(write(tmp_path, text)).capabilities[0]
    assert capability.root_path == "/camara/simswap/v2"
    assert capability.offered_scopes == {"check": "sim-swap.read"}
    assert capability.identifier is IdentifierRule.ALWAYS


@pytest.mark.parametrize(("api", "version"), list(APIS))
def test_paths_follow_camaras_rule_for_versions(api: str, version: str) -> None:
    before_the_rule = {"number-verification": "0.3.1", "location-verification": "0.2.0", "device-status": "0.5.1"}
    expected = f"/{api}/v0" if before_the_rule.get(api) == version else f"/{api}/{url_version(version)}"
    assert APIS[api, version].base_path == (None if (api, version) == ("sim-swap", "0.4.0") else expected)


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("2.1.0", "v2"), ("10.0.3", "v10"), ("0.4.1", "v0.4"), ("0.10.0", "v0.10"), ("0.3.0-rc.1", "v0.3rc1"),
        ("0.4.0-alpha.1", "v0.4alpha1"), ("2.0.0-rc.2", "v2rc2"),
    ],
)  # fmt: skip
def test_a_version_shows_in_a_url_as_the_design_guide_says(version: str, shown: str) -> None:
    assert url_version(version) == shown


TWO_OF_ONE = """
[[capabilities]]
api = "device-status"
version = "0.5.1"
flow = "client_credentials"
signal = "roaming"

[[capabilities]]
api = "device-status"
version = "0.5.1"
flow = "client_credentials"
signal = "reachability"
"""


def test_an_api_that_gives_two_signals_is_declared_once_for_each(tmp_path: Path) -> None:
    head = GOOD.partition("[[capabilities]]")[0]
    manifest = load_manifest(write(tmp_path, head + TWO_OF_ONE))
    signals = {one.known.signal: set(one.offered_scopes.values()) for one in manifest.capabilities}
    assert signals == {
        SignalName.ROAMING: {"device-status:roaming:read"},
        SignalName.REACHABILITY: {"device-status:connectivity:read"},
    }


@pytest.mark.parametrize("signal", ["", 'signal = "sim_swap"'])
def test_it_must_say_which(tmp_path: Path, signal: str) -> None:
    text = GOOD.partition("[[capabilities]]")[0] + TWO_OF_ONE.replace('signal = "roaming"', signal)
    with pytest.raises(Misconfigured, match="gives roaming and reachability; say which"):
        load_manifest(write(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "key", "fix"),
    [
        (('name = "good"', 'name = "Good!"'), "name", "pattern"),
        (('title = "Good operator"', ""), "title", "missing; add it"),
        (('title = "Good operator"', 'titel = "x"'), "titel", "no such key"),
        (("[oauth]", "[oauth]\nscope = 1"), "oauth.scope", "no such key"),
        (('"basic"', '"magic"'), "oauth.client_auth", "private_key_jwt"),
        (("[oauth]", '[oauth]\ntoken_path = "oauth2/token"'), "oauth.token_path", "pattern"),
        (("[oauth]", '[oauth]\ntoken_path = "//evil.example/token"'), "oauth.token_path", "pattern"),
        (("[oauth]", '[oauth]\nassertion_alg = "HS256"'), "oauth.assertion_alg", "ES256"),
        (("[oauth]", '[oauth]\nassertion_alg = "none"'), "oauth.assertion_alg", "ES256"),
        (("[oauth]", "[oauth]\nassertion_lifetime_s = 3600"), "oauth.assertion_lifetime_s", "300"),
        (
            ("[oauth]", '[oauth]\nscope_template = "{scopes}"'),
            "oauth",
            "scope_template: needs exactly one dpv:{purpose}",
        ),
        (
            ("[oauth]", '[oauth]\nscope_template = "dpv:{purpose} dpv:X {scopes}"'),
            "oauth",
            "scope_template: needs exactly one",
        ),
        (("[oauth]", '[oauth]\nscope_template = "dpv:{purpose} {scopes"'), "oauth", "scope_template: unbalanced"),
        (
            ("[oauth]", '[oauth]\nscope_template = "dpv:{purpose.a} {scopes}"'),
            "oauth",
            "scope_template: needs exactly",
        ),
        (('"sim-swap"', '"sim-swop"'), "capabilities.0", "the kit has no API 'sim-swop'; it has call-forwarding"),
        (
            ('"2.1.0"', '"2.9.0"'),
            "capabilities.0",
            "the kit speaks sim-swap 0.4.0, 1.0.0, 2.0.0, 2.1.0, 2.2.0, not 2.9.0",
        ),
        (('"client_credentials"', '"password"'), "capabilities.0.flow", "client_credentials"),
        (('"2.1.0"', '"0.4.0"'), "capabilities.0", "cannot be asked with client_credentials"),
        (('flow = "client_credentials"', ""), "capabilities.0.flow", "missing; add it"),
        (("[[capabilities]]", "[[capabilities]]\nwindow_hours_max = 2401"), "capabilities.0.window_hours_max", "2400"),
        (("[[capabilities]]", "[[capabilities]]\nradius_m_min = 10"), "capabilities.0.radius_m_min", "2000"),
        (("[[capabilities]]", '[[capabilities]]\noperations = ["chekc"]'), "capabilities.0", "retrieve-date, check"),
        (("[[capabilities]]", "[[capabilities]]\noperations = []"), "capabilities.0", "retrieve-date, check"),
        (("[[capabilities]]", '[[capabilities]]\nscopes = { verify = "x" }'), "capabilities.0", "retrieve-date, check"),
        (
            ("[[capabilities]]", '[[capabilities]]\nscopes = { check = "a  b" }'),
            "capabilities.0.scopes.check",
            "pattern",
        ),
        (("[[capabilities]]", '[[capabilities]]\nbase_path = "/a/../b?x"'), "capabilities.0.base_path", "pattern"),
        (('name = "good"', 'name = "good"\nsentinel_dates = { "1900" = "never" }'), "sentinel_dates.1900", "no_event"),
        (('name = "good"', 'name = "good"\nboolean_texts = { "true" = "yes!" }'), "boolean_texts.true", "bool"),
        (('name = "good"', 'name = "good'), "manifest.toml", "not TOML"),
        (("[oauth]", '[oauth]\nprofile = "camara"'), "oauth", "the CAMARA profile forbids basic; use private_key_jwt"),
        (('"basic"', '"tls_client_auth"\nprofile = "camara"\nopenid = false'), "oauth", "openid: the CAMARA profile"),
        (
            ('"basic"', '"private_key_jwt"\nprofile = "camara"\nscope_template = "dpv:{purpose}#{scopes}"'),
            "oauth",
            "scope_template: the CAMARA profile has 'dpv:{purpose} {scopes}'",
        ),
        (("[oauth]", '[oauth]\nlogin_hint = "tel:{number}"'), "oauth.login_hint", "pattern"),
        (("[oauth]", '[oauth]\nlogin_hint = "tel:"'), "oauth.login_hint", "pattern"),
        (("[oauth]", '[oauth]\nauthorize_path = "https://evil.example"'), "oauth.authorize_path", "pattern"),
    ],
)
def test_a_wrong_manifest_is_refused_with_file_key_and_fix(
    tmp_path: Path, change: tuple[str, str], key: str, fix: str
) -> None:
    assert change[0] in GOOD
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(Misconfigured) as caught:
        load_manifest(path)
    for part in (str(path), key, fix):
        assert part in str(caught.value)


def test_a_person_would_be_asked_once_for_each_glued_scope_so_that_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace('"client_credentials"', '"ciba"').replace(
        "[oauth]", '[oauth]\nscope_template = "dpv:{purpose}#{scopes}"'
    )
    with pytest.raises(Misconfigured, match="sim-swap over ciba has several scopes, and scope_template holds one"):
        load_manifest(write(tmp_path, text))
    for fix in ('operations = ["check"]\n', 'scopes = { check = "sim-swap", retrieve-date = "sim-swap" }\n'):
        assert len(load_manifest(write(tmp_path, text + fix)).capabilities) == 1


def test_an_api_under_the_token_of_whoever_holds_the_device_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace('"client_credentials"', '"jwt_bearer_operator_token"')
    with pytest.raises(Misconfigured, match="would answer for the token's owner, whoever that is"):
        load_manifest(write(tmp_path, text))


@pytest.mark.parametrize("flow", ["client_credentials", "jwt_bearer_tel"])
def test_number_verification_cannot_be_declared_over_a_grant_that_proves_no_possession(
    tmp_path: Path, flow: str
) -> None:
    text = GOOD.replace('"sim-swap"', '"number-verification"').replace('"client_credentials"', f'"{flow}"')
    with pytest.raises(Misconfigured, match=f"cannot be asked with {flow}; use one of jwt_bearer_operator_token"):
        load_manifest(write(tmp_path, text))


def test_only_the_cause_is_told_and_not_what_follows_from_it(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as told:
        load_manifest(write(tmp_path, GOOD.replace('"sim-swap"', '"sim-swop"') + "foo = 1\n"))
    assert str(told.value).count("capabilities") == 1
    assert "capabilities.0.foo: no such key" in str(told.value)


def test_one_signal_has_one_capability(tmp_path: Path) -> None:
    twice = '[[capabilities]]\napi = "sim-swap"\nversion = "1.0.0"\nflow = "client_credentials"\n'
    with pytest.raises(Misconfigured, match="two capabilities give sim_swap"):
        load_manifest(write(tmp_path, GOOD + twice))


def test_a_release_without_a_path_needs_one(tmp_path: Path) -> None:
    text = GOOD.replace('"2.1.0"', '"0.4.0"').replace('"client_credentials"', '"jwt_bearer_tel"')
    with pytest.raises(Misconfigured, match="prescribes no path; give base_path"):
        load_manifest(write(tmp_path, text))
    assert load_manifest(write(tmp_path, text + 'base_path = "/v0"\n')).capabilities[0].root_path == "/v0"


@pytest.mark.parametrize("place", ["adapters.nowhere", "adapters", Path("nowhere/manifest.toml")])
def test_a_missing_manifest_is_named(place: Path | str) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_manifest(place)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.operator.example", "https://api.operator.example"),
        ("https://api.operator.example:8443/camara/", "https://api.operator.example:8443/camara"),
        ("http://127.0.0.1:9101", "http://127.0.0.1:9101"),
        ("http://[::1]:9101/", "http://[::1]:9101"),
        ("http://localhost:9101", "http://localhost:9101"),
    ],
)
def test_base_urls_that_are_fine(tmp_path: Path, url: str, kept: str) -> None:
    text = OPERATOR.replace("https://api.operator.example/camara/", url)
    assert load_operator(write(tmp_path, text, "one.toml")).base_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://api.operator.example",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://user@operator.example",
        "https://user:password@operator.example",
        "https://@operator.example",
        "https://operator.example?x=1",
        "https://operator.example/?",
        "https://operator.example/#",
        "https://operator.example#x",
        "https://",
        "https:///path",
        "https://operator.example:99999",
        "https://operator.example:x",
        "https://[::1",
        "https://operator.example/a b",
        "https://operator.example\\\\@evil.example",
        "https://оператор.example",
        "ftp://operator.example",
        "file:///etc/passwd",
        "operator.example",
        "//operator.example",
        "",
    ],
)
@pytest.mark.parametrize("key", ["base_url", "token_url", "issuer"])
def test_urls_that_could_leak_are_refused(tmp_path: Path, url: str, key: str) -> None:
    base = OPERATOR if key != "base_url" else OPERATOR.replace('base_url = "https://api.operator.example/camara/"', "")
    path = write(tmp_path, base + f'{key} = "{url}"\n', "one.toml")
    with pytest.raises(Misconfigured, match=rf"one\.toml: {key}: "):
        load_operator(path)


@pytest.mark.parametrize(
    ("extra", "key", "fix"),
    [
        ("colour = 1", "colour", "no such key"),
        ("tls = { certificate = 'a.pem' }", "tls", "give certificate and key, or neither"),
        ("tls = { certificate = 'a.pem', key = 'b.pem', verify = false }", "tls.verify", "no such key"),
        ("redirect_uri = 'http://broker.example/back'", "redirect_uri", "https"),
        ("authorize_url = 'ftp://operator.example'", "authorize_url", "https"),
        ("asked_hold_s = 0", "asked_hold_s", "10"),
        ("ask_again_after_s = 100000", "ask_again_after_s", "86400"),
        ("client_secret = 'in-clear'", "client_secret", "SecretRef"),
        ("client_secret = { }", "client_secret", "exactly one of file and env"),
        ("client_secret = { file = 'a', env = 'B' }", "client_secret", "exactly one of file and env"),
        ("client_secret = { env = 'not a name' }", "client_secret.env", "pattern"),
        ("attempt_timeout_ms = 0", "attempt_timeout_ms", "50"),
        ("attempt_timeout_ms = 60000", "attempt_timeout_ms", "10000"),
        ("body_bytes_max = 100000000", "body_bytes_max", "65536"),
        ("connections_max = 0", "connections_max", "1"),
        ("[price]\ncurrency = 'euro'\nper_call = {}", "price.currency", "pattern"),
        ("[price]\ncurrency = 'EUR'\nper_call = { sim-swap = -1 }", "price.per_call.sim-swap", "0"),
    ],
)
def test_a_wrong_operator_file_is_refused_with_file_key_and_fix(tmp_path: Path, extra: str, key: str, fix: str) -> None:
    path = write(tmp_path, OPERATOR + extra, "one.toml")
    with pytest.raises(Misconfigured) as caught:
        load_operator(path)
    for part in (str(path), key, fix):
        assert part in str(caught.value)
    assert "in-clear" not in str(caught.value)


def test_operators_are_named_by_their_files(tmp_path: Path) -> None:
    write(tmp_path, OPERATOR, "one.toml")
    write(tmp_path, OPERATOR, "two-2.toml")
    assert set(load_operators(tmp_path)) == {"one", "two-2"}
    write(tmp_path, OPERATOR, "No Id.toml")
    with pytest.raises(Misconfigured, match="name it by the operator's id"):
        load_operators(tmp_path)


def test_a_secret_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "s3 cret\n", "secret")
    assert SecretRef(file=file).read() == "s3 cret"
    monkeypatch.setenv("OPERATOR_SECRET", "from-env")
    assert SecretRef(env="OPERATOR_SECRET").read() == "from-env"


@pytest.mark.parametrize(
    ("content", "fix"),
    [(None, "is not there"), (b"", "empty"), (b"\n", "empty"), (b"\xff", "text"), (b"x" * 20_000, "longer")],
)
def test_a_secret_that_is_none_names_its_place(tmp_path: Path, content: bytes | None, fix: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match=fix) as caught:
        SecretRef(file=path).read()
    assert str(path) in str(caught.value)
    assert "xxx" not in str(caught.value)


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_SECRET", raising=False)
    with pytest.raises(Misconfigured, match="environment variable OPERATOR_SECRET: not set"):
        SecretRef(env="OPERATOR_SECRET").read()


def settings(**overrides: Any) -> OperatorSettings:
    given = {"adapter": "mock", "base_url": "https://operator.example", "client_id": "trust-broker"}
    return OperatorSettings.model_validate({**given, **overrides})


def test_prices_are_exact() -> None:
    priced = settings(price={"currency": "EUR", "per_call": {"sim-swap": "0.02"}})
    assert priced.price is not None
    assert str(priced.price.per_call["sim-swap"]) == "0.02"
