"""TLS that ends at the broker: certificates prove clients, and tokens hold with these alone (RFC 8705)."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey

from broker.consumers import certificates
from broker.consumers.certificates import CertificateName
from tests.support.broker import RunningBroker, running_broker, share_secrets
from tests.support.certificates import Authority, Pair, self_signed
from tests.support.oauth import ACCESS_TOKEN, EXCHANGE, Agent, jwks, registered

PATH = "/v1/trust-checks"
QUESTION = {
    "subject": {"phoneNumber": "+34600000101"},
    "action": {"type": "payment.transfer", "amount": {"value": "10.00", "currency": "EUR"}},
    "purpose": "FraudPreventionAndDetection",
}


class House:
    """A broker behind TLS, who issues certificates to its clients, and three of these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder)
        self.served = self.authority.issue("broker")
        self.till, self.other = self.authority.issue("till"), self.authority.issue("other")
        self.alone = self_signed(folder, "alone")
        self.believed = folder / "believed.pem"
        self.believed.write_bytes(self.authority.path.read_bytes() + self.alone.certificate.read_bytes())
        self.broker: RunningBroker

    def settings(self) -> dict[str, str]:
        served = f'[tls]\ncertificate = "{self.served.certificate}"\nkey = "{self.served.key}"\n'
        return {
            "[tls]": f'{served}client_authorities = "{self.believed}"',
            'public_url = "http://': 'public_url = "https://',
            'jwks_addresses = "public"': f'jwks_addresses = "any"\njwks_authorities = "{self.authority.path}"',
        }

    def showing(self, pair: Pair | None = None) -> httpx.Client:
        """A caller with a certificate, or without one."""
        context = self.authority.context(pair)
        return httpx.Client(base_url=self.broker.url, verify=context, trust_env=False, timeout=10)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("certificates")
    share_secrets(folder)
    found = House(folder)
    with running_broker(folder, {}, edits={"broker.toml": found.settings()}) as running:
        found.broker = running._replace(url=running.url.replace("http://", "https://"))
        yield found


def known_by(house: House, kind: Any, value: str, **members: Any) -> Agent:
    return registered(house.broker, jwks="", certificate=CertificateName(kind, value), **members)


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


def asked(http: httpx.Client, client_id: str, **parameters: str) -> httpx.Response:
    return http.post("/oauth/token", data={"grant_type": "client_credentials", "client_id": client_id, **parameters})


def checked(http: httpx.Client, token: str) -> int:
    return http.post(PATH, json=QUESTION, headers={"Authorization": f"Bearer {token}"}).status_code


NAMES = {
    "tls_client_auth, by its subject": ("subject_dn", "CN=till"),
    "tls_client_auth, by an address": ("san_ip", "127.0.0.1"),
    "tls_client_auth, by a name": ("san_dns", "localhost"),
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_certificate_proves_a_client_and_its_token_holds_with_it_alone(house: House, name: tuple[str, str]) -> None:
    agent = known_by(house, *name)
    with house.showing(house.till) as till, house.showing(house.other) as other, house.showing() as nobody:
        answer = asked(till, agent.client_id)
        assert answer.status_code == 200, answer.text
        token = answer.json()["access_token"]
        assert answer.json()["token_type"] == "Bearer"
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert claims["cnf"] == {"x5t#S256": certificates.thumbprint(der(house.till))}
        assert [checked(http, token) for http in (till, other, nobody)] == [200, 401, 401]


def test_a_self_signed_certificate_is_known_by_its_digest(house: House) -> None:
    agent = known_by(house, "thumbprint", certificates.thumbprint(der(house.alone)))
    with house.showing(house.alone) as alone, house.showing(house.till) as till:
        token = asked(alone, agent.client_id).json()["access_token"]
        assert [checked(alone, token), checked(till, token)] == [200, 401]
        assert asked(till, agent.client_id).status_code == 401


def test_whoever_shows_no_certificate_or_another_is_no_client(house: House) -> None:
    agent = known_by(house, "subject_dn", "CN=till")
    passed_on = {"Client-Cert": f":{base64.b64encode(der(house.till)).decode()}:"}
    with house.showing() as nobody, house.showing(house.other) as other, house.showing(house.till) as till:
        for http in (nobody, other):
            refused = asked(http, agent.client_id)
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
            form = {"grant_type": "client_credentials", "client_id": agent.client_id}
            assert http.post("/oauth/token", data=form, headers=passed_on).status_code == 401
        assert asked(till, "cl_made_up").status_code == 401
        # One way to prove oneself, not two (RFC 6749 2.3): whoever signs as well is taken at that word.
        assert asked(till, agent.client_id, client_assertion="x", client_assertion_type="y").status_code == 401
        by_key = registered(house.broker)
        assert asked(till, by_key.client_id).status_code == 401


def test_a_certificate_of_another_authority_opens_no_connection(house: House) -> None:
    stranger = Authority(house.folder, "Stranger").issue("till-of-a-stranger")
    with house.showing(stranger) as http, pytest.raises(httpx.TransportError):
        http.get("/health/live")


def test_a_bound_token_is_exchanged_and_taken_back_only_with_its_certificate(house: House) -> None:
    agent = known_by(house, "subject_dn", "CN=till", delegates=True)
    helper = known_by(house, "subject_dn", "CN=other", delegates=True, agent="helper")
    with house.showing(house.till) as till, house.showing(house.other) as other:
        token = asked(till, agent.client_id).json()["access_token"]
        exchange = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        assert asked(other, helper.client_id, **exchange).json()["error"] == "invalid_grant"
        passed = asked(till, agent.client_id, **exchange)
        assert passed.status_code == 200, passed.text
        own = {"client_id": agent.client_id, "token": token}
        assert other.post("/oauth/revoke", data=own).status_code == 401
        assert checked(till, token) == 200
        assert till.post("/oauth/revoke", data=own).status_code == 200


def test_metadata_says_that_certificates_are_taken(house: House) -> None:
    with house.showing() as http:
        server = http.get("/.well-known/oauth-authorization-server").json()
    methods = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"]
    assert server["token_endpoint_auth_methods_supported"] == methods
    assert server["tls_client_certificate_bound_access_tokens"] is True


@contextmanager
def keys_at(house: House, *keys: ECKey) -> Iterator[tuple[str, list[str]]]:
    """An https address with a key set, and the paths that were asked for."""
    asked_for: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked_for.append(self.path)
            text = jwks(*keys).encode()
            moved = self.path == "/moved"
            self.send_response(302 if moved else 200)
            self.send_header("Location", "/set")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(house.served.certificate, house.served.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}", asked_for
        finally:
            server.shutdown()
            thread.join()


def test_a_client_keeps_its_keys_at_an_address_of_its_own(house: House) -> None:
    key = ECKey.generate_key("P-256")
    with keys_at(house, key) as (url, asked_for), house.showing() as http:
        agent = registered(house.broker, jwks="", jwks_uri=f"{url}/set")
        agent.key = key
        agent.token(http)
        agent.token(http)
        assert asked_for == ["/set"]
        agent.key = ECKey.generate_key("P-256")  # a name of a key that is not there: nobody has it asked again so soon
        assert agent.ask(http).json()["error"] == "invalid_client"
        assert asked_for == ["/set"]
        moved = registered(house.broker, jwks="", jwks_uri=f"{url}/moved")
        moved.key = key
        assert moved.ask(http).json()["error"] == "invalid_client"
        assert asked_for == ["/set", "/moved"]  # nothing is followed
