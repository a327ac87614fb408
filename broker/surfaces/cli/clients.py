"""``trust-broker clients``: register, list, rekey, disable, enable, delete; trust identity providers or not."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from broker.consumers import certificates
from broker.consumers.certificates import CertificateName
from broker.errors import InvalidRequest
from broker.surfaces.cli.output import AsJson, at_work, tell
from broker.surfaces.cli.ports import OpenDeployment
from broker.usecases.consumers.manage_clients import ClientOut, ManageClients, NewClient

_T = TypeVar("_T")
_Registry = Callable[[Path | None, Callable[[ManageClients], Awaitable[Any]]], Any]
Config = Annotated[Path | None, typer.Option("--config", help="Configuration folder")]
Tenant = Annotated[str, typer.Option(help="Whose client")]
Given = Annotated[Path, typer.Option("--jwks", exists=True, dir_okay=False, help="Public keys as a JWK set (RFC 7517)")]
Keys = Annotated[
    Path | None, typer.Option("--jwks", exists=True, dir_okay=False, help="Public keys as a JWK set (RFC 7517)")
]
Uri = Annotated[str | None, typer.Option("--jwks-uri", help="Or the https address where they are")]


def create(open_deployment: OpenDeployment) -> typer.Typer:
    """The group of commands."""
    group = typer.Typer(no_args_is_help=True)

    def in_registry(config: Path | None, work: Callable[[ManageClients], Awaitable[_T]]) -> _T:
        async def within() -> _T:
            async with open_deployment(config).consumers() as administration:
                return await work(administration.clients)

        return at_work(within())

    @group.command("create")
    def create_client(  # noqa: PLR0913, PLR0917 - each is an option of the command
        tenant: Tenant,
        consumer: Annotated[str, typer.Option(help="The application that will call")],
        jwks: Keys = None,
        jwks_uri: Uri = None,
        certificate: Annotated[
            str | None,
            typer.Option(help="Instead of keys: subject_dn:…, san_dns:…, san_uri:…, san_ip:… or thumbprint:…"),
        ] = None,
        agent: Annotated[str | None, typer.Option(help="The AI agent it acts through")] = None,
        scope: Annotated[list[str] | None, typer.Option(help="trust:check, trust:explain; repeat for several")] = None,
        bound: Annotated[bool, typer.Option(help="Give it nothing but DPoP tokens")] = True,
        delegates: Annotated[bool, typer.Option(help="Let it act for users (token exchange, ID-JAG)")] = False,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Register a client and print its id; it proves itself with a key (private_key_jwt) or a certificate."""
        wanted = NewClient(
            tenant=tenant,
            consumer=consumer,
            agent=agent,
            jwks=_text(jwks),
            jwks_uri=jwks_uri,
            certificate=_certificate(certificate),
            scopes=tuple(scope or ["trust:check"]),
            bound=bound,
            delegates=delegates,
        )
        made = in_registry(config, lambda registry: registry.register(None, wanted))
        tell({"clientId": made.client_id}, [made.client_id], as_json=as_json)

    @group.command("list")
    def list_clients(tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """List a tenant's clients."""
        found = in_registry(config, lambda registry: registry.of_tenant(None, tenant))
        tell(found.clients, map(_line, found.clients), as_json=as_json)

    _add_life(group, in_registry)
    _add_issuers(group, in_registry)
    return group


def _add_life(group: typer.Typer, in_registry: _Registry) -> None:
    @group.command("disable")
    def disable_client(client_id: str, tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """Disable a client; its tokens are refused within seconds."""
        in_registry(config, lambda registry: registry.disable(None, tenant, client_id))
        tell({"clientId": client_id, "state": "disabled"}, [f"{client_id} disabled"], as_json=as_json)

    @group.command("enable")
    def enable_client(client_id: str, tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """Let a client that was disabled call again."""
        in_registry(config, lambda registry: registry.enable(None, tenant, client_id))
        tell({"clientId": client_id, "state": "enabled"}, [f"{client_id} enabled"], as_json=as_json)

    @group.command("rekey")
    def rekey_client(
        client_id: str,
        tenant: Tenant,
        jwks: Keys = None,
        jwks_uri: Uri = None,
        config: Config = None,
        as_json: AsJson = False,
    ) -> None:
        """Give a client other keys; send old and new ones together first, and the new ones alone when it has moved."""
        in_registry(
            config, lambda registry: registry.rekey(None, tenant, client_id, jwks=_text(jwks), jwks_uri=jwks_uri)
        )
        tell({"clientId": client_id, "state": "rekeyed"}, [f"{client_id} has other keys"], as_json=as_json)

    @group.command("delete")
    def delete_client(client_id: str, tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """Forget a client; its tokens are refused within seconds."""
        in_registry(config, lambda registry: registry.delete(None, tenant, client_id))
        tell({"clientId": client_id, "state": "deleted"}, [f"{client_id} deleted"], as_json=as_json)


def _add_issuers(group: typer.Typer, in_registry: _Registry) -> None:
    @group.command("issuers")
    def list_issuers(tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """List the identity providers that a tenant trusts."""
        found = in_registry(config, lambda registry: registry.trusted(None, tenant)).issuers
        tell(found, found, as_json=as_json)

    @group.command("trust")
    def trust(issuer: str, tenant: Tenant, jwks: Given, config: Config = None, as_json: AsJson = False) -> None:
        """Take an identity provider's word for who the tenant's users are."""
        in_registry(config, lambda registry: registry.trust(None, tenant, issuer, jwks.read_text("utf-8")))
        tell({"issuer": issuer, "trusted": True}, [f"{issuer} trusted"], as_json=as_json)

    @group.command("distrust")
    def distrust(issuer: str, tenant: Tenant, config: Config = None, as_json: AsJson = False) -> None:
        """Take it no longer; tokens that it vouched for end within five minutes."""
        in_registry(config, lambda registry: registry.distrust(None, tenant, issuer))
        tell({"issuer": issuer, "trusted": False}, [f"{issuer} not trusted"], as_json=as_json)


def _text(jwks: Path | None) -> str:
    return "" if jwks is None else jwks.read_text("utf-8")


def _certificate(text: str | None) -> CertificateName | None:
    try:
        return None if text is None else certificates.read(text)
    except ValueError as error:
        raise InvalidRequest("--certificate: see trust-broker clients create --help") from error


def _line(client: ClientOut) -> str:
    marks = [name for name in ("bound", "delegates") if getattr(client, name)]
    state = "disabled" if client.disabled else "enabled"
    return "  ".join((client.client_id, client.consumer, client.agent or "-", " ".join(client.scopes), state, *marks))
