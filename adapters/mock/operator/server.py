"""Running a pretend operator on a socket."""

import socket

import uvicorn
from litestar.types import ASGIApp

BACKLOG = 512
SHUTDOWN_S = 1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the port is known (0: any free one) and open before anything else starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def base_url(listener: socket.socket, host: str) -> str:
    """The address under which clients on this machine reach the socket."""
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def build(app: ASGIApp) -> uvicorn.Server:
    """A server for ``run(sockets=[...])``: quiet, and not waiting long for hung requests when it stops."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return uvicorn.Server(config)
