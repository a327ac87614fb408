"""A key management service with the wire of Vault's transit engine, as its documentation has it, over real HTTP.

One key (aes256-gcm96) in versions; associated data is authenticated; what is wrong is said in Vault's words.
"""

import base64
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Answer = tuple[int, dict[str, Any] | None]
_NONCE = 12


class TransitService:
    """The state of the service; ``sealed`` says 503 to everybody, as a sealed Vault does."""

    def __init__(self, token: str, mount: str = "transit", name: str = "trust-broker") -> None:
        self.token = token
        self.url = ""
        self.sealed = False
        self.min_decryption_version = 1
        self.asked: list[str] = []
        self._place = f"/v1/{mount}/"
        self._name = name
        self._versions = [AESGCM(secrets.token_bytes(32))]

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> Answer:
        self.asked.append(f"{method} {path}")
        if self.sealed:
            return _wrong(503, "Vault is sealed")
        if token != self.token:
            return _wrong(403, "permission denied")
        verb, _, name = path.removeprefix(self._place).partition("/")
        asked = json.loads(body or b"{}")
        match method, verb, name:
            case "GET", "keys", self._name:
                return 200, {"data": self._standing()}
            case "POST", "keys", _ if name == f"{self._name}/rotate":
                self._versions.append(AESGCM(secrets.token_bytes(32)))
                return 200, {"data": self._standing()}
            case "POST", "encrypt", self._name:
                return self._encrypt(asked)
            case "POST", "decrypt", self._name:
                return self._decrypt(asked)
            case "POST", "encrypt" | "decrypt", _:
                return _wrong(400, "encryption key not found")
        return _wrong(404)

    def _standing(self) -> dict[str, Any]:
        versions = {str(number): 1_764_000_000 for number in range(1, len(self._versions) + 1)}
        return {
            "name": self._name,
            "type": "aes256-gcm96",
            "keys": versions,
            "latest_version": len(self._versions),
            "min_decryption_version": self.min_decryption_version,
            "exportable": False,
        }

    def _encrypt(self, asked: dict[str, Any]) -> Answer:
        version = asked.get("key_version") or len(self._versions)
        if not 0 < version <= len(self._versions):
            return _wrong(
                400, "cannot encrypt: requested version for encryption is higher than the latest: not allowed"
            )
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._versions[version - 1].encrypt(nonce, _raw(asked["plaintext"]), _raw(asked["associated_data"]))
        text = base64.b64encode(nonce + sealed).decode()
        return 200, {"data": {"ciphertext": f"vault:v{version}:{text}", "key_version": version}}

    def _decrypt(self, asked: dict[str, Any]) -> Answer:
        _, tag, text = asked["ciphertext"].split(":")
        version = int(tag.removeprefix("v"))
        if not 0 < version <= len(self._versions):
            return _wrong(400, "invalid ciphertext: version is too new")
        if version < self.min_decryption_version:
            return _wrong(400, "ciphertext or signature version is disallowed by policy (too old)")
        try:
            sealed = _raw(text)
            plain = self._versions[version - 1].decrypt(
                sealed[:_NONCE], sealed[_NONCE:], _raw(asked["associated_data"])
            )
        except (InvalidTag, ValueError):
            return _wrong(400, "cipher: message authentication failed")
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _wrong(status: int, *errors: str) -> Answer:
    return status, {"errors": list(errors)}


@contextmanager
def transit(token: str = "a token of the service") -> Iterator[TransitService]:
    """The service, listening on this machine."""
    service = TransitService(token)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, told = service.answer(self.command, self.path, self.headers.get("x-vault-token"), body)
            content = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve  # noqa: N815 - names of the standard library

        def log_message(self, *_arguments: object) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
