"""The person's side of network verification: a link, one tap, the operator, and back."""

from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from broker.errors import Conflict
from broker.surfaces.pages.layout import SELF, headers, html
from broker.surfaces.pages.texts import ENGLISH, SPANISH, Texts
from broker.surfaces.ports import Services
from broker.usecases.step_up.ceremonies import Ceremonies
from broker.usecases.step_up.challenge_desk import digest
from broker.usecases.step_up.challenge_views import Ending, PageView

COOKIE = "trust_broker_browser"
SECRET_MAX = 64
PROMPT = "operator_prompt"
_CALLBACK_MAX = 4096
_FORM_MAX = 256
_KNOWN = frozenset({"code", "state", "iss", "error"})


@get("/p/{secret:str}", operation_id="ceremonyPage", include_in_schema=False, media_type=MediaType.HTML)
async def page(
    request: Request[Any, Any, Any], services: NamedDependency[Services], secret: FromPath[str]
) -> Response[str]:
    """What is asked of the person. Looking changes nothing."""
    found = await services.ceremonies.page(secret[:SECRET_MAX], request.headers.get("accept-language"))
    return _shown(found, secret)


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
        tapped = await services.ceremonies.tap(secret[:SECRET_MAX], _typed(await request.body()))
    except Conflict:
        return html(_said(texts, Ending.OVER), language, status=HTTPStatus.GONE)
    if tapped.mistyped:
        found = await services.ceremonies.page(secret[:SECRET_MAX], request.headers.get("accept-language"))
        return _shown(msgspec.structs.replace(found, mistyped=True), secret, HTTPStatus.UNPROCESSABLE_ENTITY)
    if not tapped.url:
        return html(_asked(texts), language)
    answer = Redirect(tapped.url, status_code=303)
    answer.headers.update(headers(""))
    secure = _secure(services)
    # Lax: the cookie has to come along when the operator sends the browser back, and then only.
    name = _cookie(services, tapped.ceremony)
    answer.set_cookie(name, tapped.browser, path="/", max_age=600, httponly=True, secure=secure, samesite="lax")
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
    cookie = _cookie(services, digest(told.get("state", "")).hex())
    ending = await services.ceremonies.back(told, request.cookies.get(cookie, ""), operator) if once else Ending.FAILED
    status = HTTPStatus.OK if ending is Ending.MET else HTTPStatus.FORBIDDEN
    answer = html(_said(texts, ending), language, status=status)
    answer.set_cookie(cookie, "", path="/", max_age=0, httponly=True, secure=_secure(services), samesite="lax")
    return answer


def _shown(found: PageView, secret: str, status: int = HTTPStatus.OK) -> Response[str]:
    """The question, or that there is none any more; a question whose answer leads to no operator comes back to us."""
    if not found.open:
        return html(_closed(found), found.language, status=status)
    return html(_question(found, secret), found.language, found.goes_to or SELF, status)


def _question(found: PageView, secret: str) -> str:
    texts = _of(found.language)
    who = " · ".join(f"<bdi>{escape(one)}</bdi>" for one in (found.agent, found.consumer) if one)
    prompts = found.method == PROMPT
    how = texts.before_prompt if prompts else texts.before
    code = "" if prompts else f'<p>{texts.compare}<strong class="code">{escape(found.compare_code)}</strong></p>'
    field = _field(found, texts) if prompts else ""
    return (
        f"<h1>{texts.title}</h1><p>{texts.asks.format(who=who)}</p>{_what(found, texts)}{code}"
        f'<p>{texts.not_you}</p><form method="post" action="/p/{escape(secret)}">{field}'
        f'<button type="submit">{texts.go}</button></form><p class="dim">{how}</p>'
    )


def _what(found: PageView, texts: Texts) -> str:
    """What it is about, in words where there are some: the caller's own are set apart, in their own direction."""
    known, raw = texts.actions.get(found.action_type), f"<bdi>{escape(found.action_type)}</bdi>"
    amount = f" <b>{escape(found.amount.replace('.', texts.decimal))}</b>" if found.amount else ""
    named = f' <span class="dim">{raw}</span>' if known else ""
    return f'<p class="what"><strong>{known or raw}</strong>{amount}{named}</p>'


def _field(found: PageView, texts: Texts) -> str:
    wrong = f'<p class="no" id="wrong" role="alert">{texts.mistyped}</p>' if found.mistyped else ""
    told = ' aria-invalid="true" aria-describedby="wrong"' if found.mistyped else ""
    habits = 'autocomplete="off" autocapitalize="characters" spellcheck="false"'
    field = f'<input id="code" name="code" required maxlength="8" {habits}{told}>'
    return f'{wrong}<label for="code">{texts.type_code}</label>{field}'


def _typed(body: bytes) -> str:
    """The code of the form; what is no form of ours holds none."""
    try:
        return dict(parse_qsl(body[:_FORM_MAX].decode("ascii"), max_num_fields=4)).get("code", "")
    except ValueError:
        return ""


def _cookie(services: Services, ceremony: str) -> str:
    """One for each link: a person may have two open. ``__Host-`` (RFC 6265bis) is set by this very host alone."""
    return f"{'__Host-' if _secure(services) else ''}{COOKIE}_{ceremony[:16]}"


def _secure(services: Services) -> bool:
    return services.public_url.startswith("https://")


def _asked(texts: Texts) -> str:
    return f'<h1>{texts.prompted_title}</h1><p role="status">{texts.prompted}</p><p>{texts.not_you_prompted}</p>'


def _closed(found: PageView) -> str:
    texts = _of(found.language)
    return f"<h1>{texts.closed_title}</h1><p>{texts.closed}</p>"


def _said(texts: Texts, ending: Ending) -> str:
    title, sentence = texts.endings[ending]
    return f'<h1>{title}</h1><p role="status">{sentence}</p>'


def _texts(request: Request[Any, Any, Any]) -> tuple[Texts, str]:
    language = Ceremonies.language(request.headers.get("accept-language"))
    return _of(language), language


def _of(language: str) -> Texts:
    return SPANISH if language == "es" else ENGLISH


ROUTES = (page, tap, callback)
