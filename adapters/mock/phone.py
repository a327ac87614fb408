"""A pretend phone: opens a link of the broker as a person's browser would, over mobile data, over Wi-Fi, or as a thief.

Asked by its operator (CIBA), the person behind it says yes or no: through the pretend operator's control API, for that
is where its screen is.

It speaks HTTP and nothing else, follows the page's form, keeps cookies, and goes to the operator with the header that
stands for what a mobile network adds to a request. It runs no script, for the page has none.
"""

import re
import ssl
import time
from collections.abc import Mapping
from enum import StrEnum
from html import unescape
from pathlib import Path
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx
import typer

CELLULAR_HEADER = "x-cellular-msisdn"
REDIRECTS_MAX = 5
TIMEOUT_S = 10.0
PAUSE_S = 0.1
_FORM = re.compile(r'<form method="post" action="([^"]+)"')
_TITLE = re.compile(r"<h1>(.*?)</h1>")
_CODE = re.compile(r'<strong class="code">(.*?)</strong>')
_TEXT = re.compile(r"<p[^>]*>(.*?)</p>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


class Answer(StrEnum):
    """What the person says when their operator asks."""

    APPROVE = "approve"
    DENY = "deny"


class Way(StrEnum):
    """How the phone is connected."""

    CELLULAR = "cellular"
    WIFI = "wifi"
    THIEF = "thief"
    """Over mobile data, with another SIM: ``--number`` is then the thief's own."""


class Control(NamedTuple):
    """Where the pretend operator is, and the key of its control API."""

    url: str
    key: str


class Phone:
    """One phone with one browser. ``number`` is that of the SIM inside, ``verify`` what its browser believes."""

    def __init__(self, number: str, way: Way = Way.CELLULAR, verify: ssl.SSLContext | Literal[True] = True) -> None:
        self.number = number
        self._network = {} if way is Way.WIFI else {CELLULAR_HEADER: number}
        self.http = httpx.Client(trust_env=False, timeout=TIMEOUT_S, follow_redirects=False, verify=verify)

    def look(self, link: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The page behind the link."""
        return self.http.get(link, headers=headers)

    def tap(self, link: str, page: httpx.Response, code: str = "") -> httpx.Response:
        """Send the page's form, with the code where it asks for one, and go wherever it leads; the last page.

        Raises:
            ValueError: the page has nothing to tap, leads in a circle, or forbids where it leads to.
        """
        form = _FORM.search(page.text)
        if form is None:
            raise ValueError("there is nothing to tap on this page")
        typed = {"code": code} if code else None
        address = urljoin(link, unescape(form[1]))
        _refuse_forbidden(page, address)
        response = self.http.post(address, headers={"sec-fetch-site": "same-origin"}, data=typed)
        for _ in range(REDIRECTS_MAX):
            if not response.is_redirect:
                return response
            # Whoever the browser goes to over mobile data, only the operator itself reads what its network adds.
            address = urljoin(str(response.url), response.headers["location"])
            _refuse_forbidden(page, address)
            response = self.http.get(address, headers=self._network)
        raise ValueError("the page leads in a circle")

    def answer(self, operator: Control, *, approve: bool) -> None:
        """Wait until the operator asks this phone's person, and answer.

        Raises:
            ValueError: it asked nothing in time.
        """
        path = f"{operator.url.rstrip('/')}/control/subscribers/{self.number}/prompts"
        headers = {"authorization": f"Bearer {operator.key}"}
        until_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until_s:
            prompts = self.http.get(path, headers=headers).raise_for_status().json()
            if any(one["standing"] == "pending" for one in prompts):
                self.http.post(f"{path}/answer", headers=headers, json={"approve": approve}).raise_for_status()
                return
            time.sleep(PAUSE_S)
        raise ValueError("the operator asked this phone nothing")

    def close(self) -> None:
        """Put the phone away."""
        self.http.close()


def _refuse_forbidden(page: httpx.Response, address: str) -> None:
    """As a browser does: a form goes, and is sent on, where the policy says (CSP Level 3, ``form-action``)."""
    directives = page.headers.get("content-security-policy", "").split(";")
    sources = next((one.split()[1:] for one in directives if one.split()[:1] == ["form-action"]), None)
    if sources is None:
        return
    permitted = {_origin(str(page.url)) if one == "'self'" else one for one in sources}
    if _origin(address) not in permitted:
        raise ValueError(f"the page forbids its form to go to {_origin(address)}")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def said(page: httpx.Response) -> tuple[str, str]:
    """Title and text of a page."""
    title = _TITLE.search(page.text)
    text = " ".join(_TAG.sub(" ", part) for part in _TEXT.findall(page.text))
    return unescape(title[1]) if title else "", unescape(re.sub(r"\s+", " ", text)).strip()


def compare_code(page: httpx.Response) -> str:
    """The code that the page shows."""
    found = _CODE.search(page.text)
    return unescape(found[1]) if found else ""


def run(  # noqa: PLR0913, PLR0917 - each is an option of the command
    link: Annotated[str, typer.Argument(help="The link that the broker gave for the phone.")],
    number: Annotated[str, typer.Option(help="The number of the SIM in this phone.")],
    way: Annotated[Way, typer.Option("--as", help="How the phone is connected.")] = Way.CELLULAR,
    look: Annotated[bool, typer.Option("--look", help="Look at the page and tap nothing.")] = False,
    code: Annotated[str, typer.Option(help="The code that came with the link, where the page asks for it.")] = "",
    answer: Annotated[Answer | None, typer.Option(help="What to say when the operator asks on the phone.")] = None,
    operator: Annotated[str, typer.Option(help="The pretend operator that asks.")] = "http://127.0.0.1:9101",
    control_key_file: Annotated[Path | None, typer.Option(help="The key of its control API.")] = None,
) -> None:
    """Open a link as a phone would, and tap. Ends with 1 unless the operator confirmed."""
    phone = Phone(number, way)
    try:
        page = phone.look(link)
        title, text = said(page)
        typer.echo(f"{title}\n{text}")
        if look:
            return
        last = phone.tap(link, page, code)
        if answer is not None:
            key = "" if control_key_file is None else control_key_file.read_text("utf-8").strip()
            phone.answer(Control(operator, key), approve=answer is Answer.APPROVE)
    except (httpx.HTTPError, OSError, ValueError) as error:
        typer.echo(f"the phone got nowhere: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        phone.close()
    title, text = said(last)
    typer.echo(f"\n{title}\n{text}")
    if not last.is_success:
        raise typer.Exit(1)
