"""What every page for a person has in common: one look, no script, and nowhere to go but where it says."""

import base64
import hashlib
from http import HTTPStatus

from litestar import MediaType, Response

_STYLE = (
    ":root{color-scheme:light dark;--ink:#14202e;--dim:#4d5c6c;--ground:#edf1f5;--card:#fff;--line:#ccd6e0;"
    "--act:#0b4f9e;--on:#fff;--no:#a3231f}"
    "@media(prefers-color-scheme:dark){:root{--ink:#eef3f8;--dim:#a9b6c4;--ground:#0d131a;--card:#17202a;--line:#34424f;"
    "--act:#86bcff;--on:#06182c;--no:#ffb0a8}}"
    "*{box-sizing:border-box}"
    "body{margin:0;font:1.0625rem/1.5 system-ui,sans-serif;color:var(--ink);background:var(--card);"
    "overflow-wrap:anywhere}"
    "main{max-width:30rem;margin:0 auto;padding:1.25rem}"
    "@media(min-width:34rem){body{background:var(--ground)}"
    "main{margin:3rem auto;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:1rem}}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem}p{margin:0 0 .875rem}main>:last-child{margin-bottom:0}"
    ".what{padding:.75rem 1rem;border:1px solid var(--line);border-inline-start:.25rem solid var(--act);"
    "border-radius:.5rem}"
    ".what strong,.what b{display:block}.what b{font-size:1.5rem;line-height:1.25}"
    ".dim{color:var(--dim);font-size:.9375rem}"
    "strong.code{display:block;margin:.25rem 0 0;font:700 2rem/1.25 ui-monospace,monospace;letter-spacing:.25em}"
    ".no{color:var(--no);font-weight:600}label{display:block;margin:0 0 .25rem}"
    "input{display:block;width:100%;margin:0 0 .875rem;padding:.5rem .75rem;"
    "font:700 1.5rem/1.25 ui-monospace,monospace;letter-spacing:.25em;text-transform:uppercase;"
    "color:inherit;background:transparent;border:2px solid var(--dim);"
    "border-radius:.5rem}"
    "button{display:block;width:100%;margin:0 0 .875rem;padding:.875rem;font:inherit;font-weight:600;color:var(--on);"
    "background:var(--act);border:0;border-radius:.5rem;touch-action:manipulation}"
    "button:focus-visible,input:focus-visible{outline:4px solid #d98200;outline-offset:2px}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")


SELF = "'self'"
"""Where a form goes that leads nowhere but to the broker."""


def html(body: str, language: str, goes_to: str = "", status: int = HTTPStatus.OK) -> Response[str]:
    """A page; its form may lead to the origin ``goes_to``, or to the broker alone (:data:`SELF`), and nowhere else."""
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
    form = " ".join(dict.fromkeys((SELF, goes_to))) if goes_to else "'none'"
    return {
        "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form};"
        " base-uri 'none'; frame-ancestors 'none'",
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex",
    }
