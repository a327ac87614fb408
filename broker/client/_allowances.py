"""What the broker says is left of quotas, in the headers of an answer (draft-ietf-httpapi-ratelimit-headers)."""

from collections.abc import Mapping
from dataclasses import dataclass

_DIGITS_MAX = 15


@dataclass(frozen=True, slots=True)
class Allowance:
    """One quota that a check counted for: ``left`` of ``limit`` in ``window_s`` seconds, anew in ``reset_s``.

    ``name`` says whose it is and for how long, as ``tenant-minute``.
    """

    name: str
    limit: int
    left: int
    window_s: int
    reset_s: int


def allowances(headers: Mapping[str, str]) -> tuple[Allowance, ...]:
    """Each quota that both headers tell whole. Anything else is left out: it is advice, and no decision rests on it."""
    policies = _items(headers.get("ratelimit-policy", ""))
    found = []
    for name, left in _items(headers.get("ratelimit", "")).items():
        told = {**policies.get(name, {}), **left}
        if {"q", "r", "w", "t"} <= told.keys():
            found.append(Allowance(name, told["q"], told["r"], told["w"], told["t"]))
    return tuple(found)


def _items(header: str) -> dict[str, dict[str, int]]:
    """``"name";r=1;t=2, …`` by name; parameters that are no numbers are left out."""
    found = {}
    for item in header.split(","):
        name, *parameters = item.strip().split(";")
        pairs = [parameter.strip().partition("=") for parameter in parameters]
        found[name.strip('"')] = {key: int(value) for key, _, value in pairs if _counts(value)}
    return found


def _counts(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX
