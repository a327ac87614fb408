"""What every page for a person has in common: one look, no script, and nowhere to go but where it says."""

import base64
import hashlib
from http import HTTPStatus

from litestar import MediaType, Response

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;margin:0 auto;max-width:32rem;padding:1.5rem;color:#111;background:#fff}"
    "h1{font-size:1.6rem}strong.code{display:block;font-size:2rem;letter-spacing:.3em;margin:.5rem 0}"
    "button{font:inherit;font-weight:600;width:100%;padding:1rem;border:0;border-radius:.5rem;background:#0b4f9e;color:#fff}"
    "button:focus-visible{outline:4px solid #f5a400;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#111}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")


def html(body: str, language: str, goes_to: str = "", status: int = HTTPStatus.OK) -> Response[str]:
    """A page; the browser may go on from it to the origin ``goes_to``, and nowhere else."""
    title = body.partition("<h1>")[2].partition("</h1>")[0]
    text = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    )
    return Response(text, media_type=MediaType.HTML, status_code=status, headers=headers(goes_to))


def headers(goes_to: str) -> dict[str, str]:
    """What a page, or a redirection, forbids.

    ``goes_to``: browsers hold the redirection after a form against ``form-action``, too.
    """
    form = f"'self' {goes_to}".strip() if goes_to else "'none'"
    return {
        "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form};"
        " base-uri 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex",
    }
