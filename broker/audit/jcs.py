"""Canonical JSON (RFC 8785, JCS) for values without fractions: one value, one sequence of bytes, in every language.

Numbers are whole and within plus or minus 2^53 - 1. Inside that range every JSON library reads and writes a number
alike; outside of it, and with fractions, two honest implementations may sign different bytes. Money travels as text.
"""

import json
from typing import Any

SAFE_INTEGER_MAX = 2**53 - 1
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class NotCanonical(ValueError):
    """The value has no canonical form here; the text names the kind of fault and not the value."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of plain values: texts, booleans, safe integers, null, lists, and dicts with text keys.

    Raises:
        NotCanonical: a fraction, an integer out of range, half of a surrogate pair, or a type that JSON has not.
    """
    try:
        return _ENCODER.encode(_ordered(value)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("half of a surrogate pair is no text") from error


def _ordered(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER_MAX:
            raise NotCanonical("an integer is beyond 2^53 - 1: send it as a text")
        return value
    if isinstance(value, dict):
        return {name: _ordered(value[name]) for name in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_ordered(each) for each in value]
    raise NotCanonical(f"no canonical form for {type(value).__name__}: send decimals as texts")


def _utf16(name: object) -> bytes:
    """What member names are sorted by: their UTF-16 code units (RFC 8785 section 3.2.3)."""
    if not isinstance(name, str):
        raise NotCanonical("member names are texts")
    try:
        return name.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise NotCanonical("half of a surrogate pair is no text") from error
