"""Pieces of the report's page: tables, pictures with captions, and figures as text."""

from collections.abc import Iterable, Sequence
from html import escape

from broker.figures import Rate

_TENTH = 0.1


def pictures(*shown: tuple[str, str]) -> str:
    """Side by side where there is room; each a caption and an SVG."""
    figures = (f"<figure><figcaption>{escape(caption)}</figcaption>{svg}</figure>" for caption, svg in shown)
    return f'<div class="pictures">{"".join(figures)}</div>'


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Wide ones are moved sideways within themselves, by keyboard as well."""
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    lines = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    table = f"<table><caption>{escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}">{table}</div>'


def _row(row: Sequence[str]) -> str:
    first, *others = row
    return f'<th scope="row">{escape(first)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in others)}'


def _cell(text: str) -> str:
    return f'<span class="warn">{escape(text)}</span>' if text.endswith("!") else escape(text)


def rate(one: Rate, *, percent: bool = True) -> str:
    """A rate with its interval."""
    show = as_percent if percent else "{:.2f}".format
    return f"{show(one.value)} ({show(one.low)} to {show(one.high)})"


def as_percent(share: float) -> str:
    """A share with as many digits as it is worth."""
    return f"{share:.2%}" if share < _TENTH else f"{share:.1%}"
