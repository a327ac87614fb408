"""Identifiers that sort by time and cannot be guessed."""

from collections.abc import Callable
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_CHARACTERS = 26
_RANDOM_BYTES = 10


def new_check_id(at: datetime, random_bytes: Callable[[int], bytes]) -> str:
    """``chk_`` and a ULID."""
    return new_id("chk", at, random_bytes)


def new_id(prefix: str, at: datetime, random_bytes: Callable[[int], bytes]) -> str:
    """A prefix and a ULID: 48 bits of milliseconds, then 80 random bits."""
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(random_bytes(_RANDOM_BYTES), "big")
    return prefix + "_" + "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * (_CHARACTERS - 2), -1, -10)])
