"""The published contract as a document and as an interactive page at ``/schema``."""

from importlib.util import find_spec
from pathlib import Path

from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, License, SecurityScheme, Server
from litestar.router import Router
from litestar.static_files import create_static_files_router

from broker import __version__

_ASSETS = "/schema-assets"
_DESCRIPTION = """May this AI agent do this, for this phone number, now? One question, one answer: allow, step up,
review or deny, from evidence of the mobile network, explained, signed and recorded."""


def openapi_config() -> OpenAPIConfig:
    """What the document says beside the routes; the page takes its script and style from this server alone."""
    swagger = SwaggerRenderPlugin(
        js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        css_url=f"{_ASSETS}/swagger-ui.css",
        standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
        favicon=f'<link rel="icon" href="{_ASSETS}/favicon-32x32.png">',
        path="/",
    )
    bearer = SecurityScheme(type="http", scheme="bearer", description="A key of `trust-broker keys create`")
    return OpenAPIConfig(
        title="Trust broker",
        version=__version__,
        description=_DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        servers=[Server(url="/")],
        components=Components(security_schemes={"key": bearer}),
        security=[{"key": []}],
        path="/schema",
        render_plugins=[swagger, JsonRenderPlugin(), YamlRenderPlugin()],
    )


def handlers() -> list[Router]:
    """The files behind the page."""
    # Found without importing the package, which would load a template engine for nothing.
    package = find_spec("swagger_ui")
    if package is None or package.origin is None:
        return []
    folder = Path(package.origin).parent / "static"
    return [create_static_files_router(path=_ASSETS, directories=[folder], include_in_schema=False)]
