"""Running a pretend operator on a socket, in clear text or over (mutual) TLS."""

import asyncio
import socket
import ssl
from pathlib import Path

import msgspec
import uvicorn
from litestar.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.mock.operator.authorization.presented import CERTIFICATE_KEY

BACKLOG = 512
SHUTDOWN_S = 1


class TlsFiles(msgspec.Struct, frozen=True):
    """PEM files: the server's certificate and key, and who may vouch for clients where they are asked for one."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


class _ShowsCertificate(HttpToolsProtocol):
    """uvicorn's protocol, which also tells the application whose certificate a connection came with (RFC 8705)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = None if tls is None else tls.getpeercert(binary_form=True)
        if der is not None:
            self.app_state = {**self.app_state, CERTIFICATE_KEY: der}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is known (0: any free one) and open before anything else starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def base_url(listener: socket.socket, host: str, *, tls: bool = False) -> str:
    """The address under which clients on this machine reach the socket."""
    port = listener.getsockname()[1]
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def build(app: ASGIApp, tls: TlsFiles | None = None) -> uvicorn.Server:
    """A server for ``run(sockets=[...])``: quiet, and not waiting long for hung requests when it stops.

    A client certificate is asked for and not demanded: whether a client needs one is said by its own terms.
    """
    asks = tls is not None and tls.client_ca is not None
    config = uvicorn.Config(
        app,
        http=_ShowsCertificate if asks else "auto",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_S,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
        ssl_ca_certs=None if tls is None or tls.client_ca is None else str(tls.client_ca),
        ssl_cert_reqs=ssl.CERT_OPTIONAL if asks else ssl.CERT_NONE,
    )
    return uvicorn.Server(config)
