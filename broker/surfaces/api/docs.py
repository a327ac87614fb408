"""The published contract as a document and as an interactive page at ``/schema``."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, License, OAuthFlow, OAuthFlows, Reference, SecurityScheme, Server, Tag
from litestar.router import Router
from litestar.static_files import create_static_files_router

from broker import __version__
from broker.consumers import authorize
from broker.surfaces.api.contract import KEY, OAUTH, ContractConfig

_ASSETS = "/schema-assets"
_TOKEN_ENDPOINT = "/oauth/token"  # noqa: S105 - an address
_DESCRIPTION = """May this AI agent do this, for this phone number, now? One question, one answer: allow, step up,
review or deny, from evidence of the mobile network, explained, signed and recorded.

Every error is a problem document (RFC 9457) with a stable `code`, and for bad input a JSON pointer to each fault.
Every answer echoes `x-correlator`. Members that are not known are refused. What another tenant has is not found."""

_TAGS = {
    "Trust checks": "The question, its answer, and what became of it.",
    "Challenges": "What a person can do to settle a check better: prove the SIM, give a code.",
    "Reviews": "A human decides. Whoever asked never does.",
    "Receipts": "A decision as a signed token for whoever executes the action: verified offline, used once.",
    "Policies": "Immutable versions, tried before they decide: validate, compare, backtest, run beside, publish, stop.",
    "Audit": "The transparency log: checkpoints, proofs, export.",
    "Consents": "What people agreed to, for which purpose, and that they took it back.",
    "Requests of people": "Access, correction, erasure, objection and disputes, bound to a proof of the number.",
    "Subjects": "Erasing and leaving alone; how long things are kept.",
    "Disclosures": "Personal data in clear, where purpose, operator, grant, scope and consent all permit it.",
    "Tenants": "A platform's customers: limits, budgets, keys, the meter.",
    "Watches": "Somebody's trust looked at again and again, and news where it is worse.",
    "Webhooks": "Signed deliveries (Standard Webhooks).",
    "AuthZEN": "OpenID AuthZEN 1.0, for gateways that speak it.",
    "OAuth": "Access tokens for agents (RFC 6749, 7523, 8693, 9449).",
    "Operators": "Who can be asked, and what there is to play with.",
    "Keys": "Public keys.",
    "Operations": "Health and figures.",
}


def openapi_config(bodies: Sequence[type]) -> OpenAPIConfig:
    """What the document says beside the routes; the page takes its script and style from this server alone.

    ``bodies`` are what the routes decode by hand.
    """
    swagger = SwaggerRenderPlugin(
        js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        css_url=f"{_ASSETS}/swagger-ui.css",
        standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
        favicon=f'<link rel="icon" href="{_ASSETS}/favicon-32x32.png">',
        path="/",
    )
    config = ContractConfig(
        title="Trust broker",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        components=Components(security_schemes=_credentials()),
        security=[{KEY: []}, {OAUTH: []}],
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[swagger, JsonRenderPlugin(), YamlRenderPlugin()],
    )
    config.bodies = bodies
    return config


def _credentials() -> dict[str, SecurityScheme | Reference]:
    token = OAuthFlow(token_url=_TOKEN_ENDPOINT, scopes=dict(authorize.MEANINGS))
    return {
        KEY: SecurityScheme(type="http", scheme="bearer", description="A key of `trust-broker keys create`"),
        OAUTH: SecurityScheme(
            type="oauth2",
            flows=OAuthFlows(client_credentials=token),
            description="An access token of five minutes; the client proves itself with `private_key_jwt`",
        ),
    }


def handlers() -> list[Router]:
    """The files behind the page."""
    # Found without importing the package, which would load a template engine for nothing.
    package = find_spec("swagger_ui")
    if package is None or package.origin is None:
        return []
    folder = Path(package.origin).parent / "static"
    return [create_static_files_router(path=_ASSETS, directories=[folder], include_in_schema=False)]
