"""The person's way to their operator's own page, where they may permit what it was asked for."""

from html import escape
from http import HTTPStatus
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from broker.surfaces.pages.layout import headers, html
from broker.surfaces.ports import Services
from broker.usecases.consent.consent_links import TOKEN_MAX, Destination

_TEXTS = {
    "en": (
        "Your operator asks you",
        (
            "Whoever sent you here would like your mobile operator to confirm something about you. Whether it may is"
            " for you to say, at your operator: {host}. Nothing is confirmed without your yes, which you may take back."
        ),
        "Go to {host}",
        "If you did not expect this, close this page.",
        "This link is over",
        "It is more than ten minutes old. Go back and ask for a new one.",
    ),
    "es": (
        "Tu operador te pregunta",
        (
            "Quien te ha enviado aquí querría que tu operador móvil confirmara algo sobre ti. Si puede hacerlo lo"
            " decides tú, en tu operador: {host}. Sin tu sí no se confirma nada, y allí puedes retirarlo."
        ),
        "Ir a {host}",
        "Si no lo esperabas, cierra esta página.",
        "Este enlace ya no sirve",
        "Tiene más de diez minutos. Vuelve atrás y pide otro.",
    ),
}


@get("/c/{token:str}", operation_id="consentPage", include_in_schema=False, media_type=MediaType.HTML)
async def page(
    request: Request[Any, Any, Any], services: NamedDependency[Services], token: FromPath[str]
) -> Response[str]:
    """Where the link leads, before anybody goes there."""
    found = _destination(request, services, token)
    title, asks, go, unexpected, over, over_long = _TEXTS[found.language]
    if not found.url:
        return html(f"<h1>{over}</h1><p>{over_long}</p>", found.language, status=HTTPStatus.GONE)
    host = escape(found.host)
    body = (
        f"<h1>{title}</h1><p>{asks.format(host=host)}</p>"
        f'<form method="post" action="/c/{escape(token)}"><button type="submit">{go.format(host=host)}</button></form>'
        f"<p>{unexpected}</p>"
    )
    return html(body, found.language, found.origin)


@post("/c/{token:str}", operation_id="consentGo", include_in_schema=False, status_code=HTTPStatus.SEE_OTHER)
async def go(
    request: Request[Any, Any, Any], services: NamedDependency[Services], token: FromPath[str]
) -> Response[Any]:
    """The person goes on."""
    found = _destination(request, services, token)
    if not found.url or request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        over, over_long = _TEXTS[found.language][4:]
        return html(f"<h1>{over}</h1><p>{over_long}</p>", found.language, status=HTTPStatus.GONE)
    answer = Redirect(found.url, status_code=303)
    answer.headers.update(headers(""))
    return answer


def _destination(request: Request[Any, Any, Any], services: Services, token: str) -> Destination:
    return services.consent_links.open(token[:TOKEN_MAX], request.headers.get("accept-language"))


ROUTES = (page, go)
