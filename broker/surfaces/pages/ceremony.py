"""The person's side of network verification: a link, one tap, the operator, and back."""

from html import escape
from http import HTTPStatus
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from broker.errors import Conflict
from broker.surfaces.pages.layout import headers, html
from broker.surfaces.pages.texts import ENGLISH, SPANISH, Texts
from broker.surfaces.ports import Services
from broker.usecases.step_up.challenge_views import Ending, PageView

COOKIE = "trust_broker_browser"
SECRET_MAX = 64
PROMPT = "operator_prompt"
_CALLBACK_MAX = 4096
_KNOWN = frozenset({"code", "state", "iss", "error"})


@get("/p/{secret:str}", operation_id="ceremonyPage", include_in_schema=False, media_type=MediaType.HTML)
async def page(
    request: Request[Any, Any, Any], services: NamedDependency[Services], secret: FromPath[str]
) -> Response[str]:
    """What is asked of the person. Looking changes nothing."""
    found = await services.ceremonies.page(secret[:SECRET_MAX], request.headers.get("accept-language"))
    return html(_question(found, secret) if found.open else _closed(found), found.language, found.goes_to)


@post("/p/{secret:str}", operation_id="ceremonyTap", include_in_schema=False, status_code=HTTPStatus.SEE_OTHER)
async def tap(
    request: Request[Any, Any, Any], services: NamedDependency[Services], secret: FromPath[str]
) -> Response[Any]:
    """The person taps: on to their operator, with a cookie that binds this browser to the link."""
    texts, language = _texts(request)
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        # Defensive: another site could have the person tap without their seeing the question.
        return html(_said(texts, Ending.FAILED), language, status=HTTPStatus.FORBIDDEN)
    try:
        tapped = await services.ceremonies.tap(secret[:SECRET_MAX])
    except Conflict:
        return html(_said(texts, Ending.OVER), language, status=HTTPStatus.GONE)
    if not tapped.url:
        return html(_asked(texts), language)
    answer = Redirect(tapped.url, status_code=303)
    answer.headers.update(headers(""))
    secure = services.public_url.startswith("https://")
    # Lax: the cookie has to come along when the operator sends the browser back, and then only.
    answer.set_cookie(COOKIE, tapped.browser, path="/", max_age=600, httponly=True, secure=secure, samesite="lax")
    return answer


@get(
    ["/v1/step-up/callback", "/v1/step-up/callback/{operator:str}"],
    operation_id="ceremonyCallback",
    include_in_schema=False,
    media_type=MediaType.HTML,
)
async def callback(request: Request[Any, Any, Any], services: NamedDependency[Services]) -> Response[str]:
    """Where operators send browsers back (RFC 6749 section 4.1.2, RFC 9207), each on its own way where it has one."""
    operator: str | None = request.path_params.get("operator")
    texts, language = _texts(request)
    given = list(request.query_params.multi_items())
    names = [name for name, _ in given]
    told = {name: value[:_CALLBACK_MAX] for name, value in given if name in _KNOWN}
    # Defensive: with a member twice, we and somebody between us could each believe another one.
    once = len(names) == len(set(names))
    ending = await services.ceremonies.back(told, request.cookies.get(COOKIE, ""), operator) if once else Ending.FAILED
    status = HTTPStatus.OK if ending is Ending.MET else HTTPStatus.FORBIDDEN
    answer = html(_said(texts, ending), language, status=status)
    answer.delete_cookie(COOKIE, path="/")
    return answer


def _question(found: PageView, secret: str) -> str:
    texts = _of(found.language)
    who = f"{found.agent} ({found.consumer})" if found.agent else found.consumer
    sentence = texts.asks_amount if found.amount else texts.asks
    before = texts.before_prompt if found.method == PROMPT else texts.before
    asked = sentence.format(who=escape(who), action=escape(found.action_type), amount=escape(found.amount))
    return (
        f"<h1>{texts.title}</h1><p>{asked}</p>"
        f'<p>{texts.compare}<strong class="code">{escape(found.compare_code)}</strong></p><p>{before}</p>'
        f'<form method="post" action="/p/{escape(secret)}"><button type="submit">{texts.go}</button></form>'
        f"<p>{texts.not_you}</p>"
    )


def _asked(texts: Texts) -> str:
    return f'<h1>{texts.prompted_title}</h1><p role="status">{texts.prompted}</p><p>{texts.not_you_prompted}</p>'


def _closed(found: PageView) -> str:
    texts = _of(found.language)
    return f"<h1>{texts.closed_title}</h1><p>{texts.closed}</p>"


def _said(texts: Texts, ending: Ending) -> str:
    title, sentence = texts.endings[ending]
    return f'<h1>{title}</h1><p role="status">{sentence}</p>'


def _texts(request: Request[Any, Any, Any]) -> tuple[Texts, str]:
    wanted = request.headers.get("accept-language", "").strip().lower()
    return (SPANISH, "es") if wanted.startswith("es") else (ENGLISH, "en")


def _of(language: str) -> Texts:
    return SPANISH if language == "es" else ENGLISH


ROUTES = (page, tap, callback)
