"""The command: one pretend operator, in a process of its own, until it is told to stop."""

import os
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.mock.operator.app import create_asgi
from adapters.mock.operator.authorization.clients import Client, register
from adapters.mock.operator.profile import Profile, load_profile
from adapters.mock.operator.server import TlsFiles, base_url, build, listen
from adapters.mock.operator.world import ControlAccess, World

SECRET_BYTES_MAX = 4096


def run(  # noqa: PLR0913, PLR0917 - one parameter for each option
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65_535)],
    profile: Annotated[
        str, typer.Option(help="A shipped profile (alba, borealis, cadenza, hostile) or the path of a TOML file.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    client_jwks: Annotated[
        str | None, typer.Option(help="The client's public keys: a file or an http(s) URL, read when first needed.")
    ] = None,
    client_secret_file: Annotated[Path | None, typer.Option(help="A file with the client's secret.")] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="A file with the key that the profile's gateway demands, if it does.")
    ] = None,
    sink_host: Annotated[
        list[str] | None,
        typer.Option(help="A host that notifications may go to by https, beside this machine; repeatable."),
    ] = None,
    client_id: Annotated[str | None, typer.Option(help="The client's id, instead of the profile's.")] = None,
    client_redirect_uri: Annotated[
        list[str] | None,
        typer.Option(help="Where codes may be sent, instead of the profile's; repeatable."),
    ] = None,
    control_key_file: Annotated[
        Path | None,
        typer.Option(help="A file with the key of the control API; made if absent. Without it the API is closed."),
    ] = None,
    tls_certificate: Annotated[Path | None, typer.Option(help="PEM file of a certificate: speak TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    tls_client_ca: Annotated[
        Path | None, typer.Option(help="PEM file of those who may vouch for clients: ask them for a certificate.")
    ] = None,
) -> None:
    """Run a pretend operator: authorization server, CAMARA network APIs and a control API, over real HTTP."""
    try:
        chosen = load_profile(profile)
        client = _client(
            chosen,
            {"id": client_id, "redirect_uris": client_redirect_uri or None},
            client_jwks,
            client_secret_file,
        )
        tls = _tls(tls_certificate, tls_key, tls_client_ca)
        control = ControlAccess(None if control_key_file is None else _control_key(control_key_file))
        api_key = None if api_key_file is None else _read_secret(api_key_file)
        listener = listen(host, port)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    with listener:
        world = World(
            chosen,
            base_url(listener, host, tls=tls is not None),
            [client],
            control=control,
            api_key=api_key,
            sink_hosts=frozenset(sink_host or ()),
        )
        typer.echo(f"{chosen.issuer_name} at {world.issuer}, control API {'open' if control.key else 'closed'}")
        build(create_asgi(world), tls).run(sockets=[listener])


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise ValueError("TLS needs --tls-certificate and --tls-key")
    return TlsFiles(certificate, key, client_ca)


def _client(profile: Profile, changes: dict[str, Any], jwks: str | None, secret_file: Path | None) -> Client:
    """The profile's first client, changed where something was given, with what it proves itself with."""
    terms = profile.clients[0]
    given = {name: value for name, value in changes.items() if value is not None}
    if given:
        terms = type(terms).model_validate(terms.model_dump() | given)
    return register(terms, jwks=jwks, secret=None if secret_file is None else _read_secret(secret_file))


def _read_secret(path: Path) -> str:
    with path.open("rb") as file:
        secret = file.read(SECRET_BYTES_MAX + 1).decode().strip()
    if not 0 < len(secret) <= SECRET_BYTES_MAX:
        raise ValueError(f"{path.name} must hold a secret of at most {SECRET_BYTES_MAX} bytes")
    return secret


def _control_key(path: Path) -> str:
    """The key in the file; where there is no file, a new key in a new one that only its owner can read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read_secret(path)
    key = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    return key
