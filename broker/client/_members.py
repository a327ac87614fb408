"""Reading JSON that must have the promised shape. What is missing or of another type is malformed, never a default."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from broker.client._errors import AnswerMalformed


def decoded(body: bytes) -> dict[str, Any]:
    """A body as a JSON object.

    Raises:
        AnswerMalformed: it is none, or has a member twice.
    """
    try:
        members = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise AnswerMalformed("the answer is not the JSON of a trust broker; is the address right?") from error
    if not isinstance(members, dict):
        raise AnswerMalformed("the answer is not a JSON object; is this a trust broker?")
    return members


def text(members: Mapping[str, Any], name: str) -> str:
    """A member that must be a text with something in it."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise AnswerMalformed(f"the answer has no text {name!r}; is this a trust broker?")
    return value


def text_if_any(members: Mapping[str, Any], name: str) -> str | None:
    """A member that may be left out or null, and is a text otherwise."""
    return None if members.get(name) is None else text(members, name)


def choice(members: Mapping[str, Any], name: str, known: frozenset[str]) -> str:
    """A member that must be one of a few words. Defensive: a word of a later contract is not guessed at."""
    value = text(members, name)
    if value not in known:
        raise AnswerMalformed(f"the answer has a {name!r} that this client does not know; update it")
    return value


def whole(members: Mapping[str, Any], name: str) -> int:
    """A member that must be an integer."""
    value = members.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise AnswerMalformed(f"the answer has no integer {name!r}")
    return value


def number(members: Mapping[str, Any], name: str) -> float:
    """A member that must be a number."""
    value = members.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise AnswerMalformed(f"the answer has no number {name!r}")
    return float(value)


def truth(members: Mapping[str, Any], name: str) -> bool:
    """A member that must be true or false."""
    value = members.get(name)
    if not isinstance(value, bool):
        raise AnswerMalformed(f"the answer does not say whether {name!r}")
    return value


def instant(members: Mapping[str, Any], name: str) -> datetime:
    """A member that must be an instant with a zone (RFC 3339)."""
    return _instant(text(members, name), name)


def instant_if_any(members: Mapping[str, Any], name: str) -> datetime | None:
    """A member that may be left out or null, and is an instant otherwise."""
    value = text_if_any(members, name)
    return None if value is None else _instant(value, name)


def parts(members: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """A member that must be a list of objects."""
    value = members.get(name)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise AnswerMalformed(f"the answer has no list {name!r}")
    return value


def part(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that must be an object."""
    value = members.get(name)
    if not isinstance(value, dict):
        raise AnswerMalformed(f"the answer has no object {name!r}")
    return value


def texts(members: Mapping[str, Any], name: str) -> Mapping[str, str]:
    """A member that must be an object of texts."""
    found = part(members, name)
    if not all(isinstance(value, str) for value in found.values()):
        raise AnswerMalformed(f"the answer has no texts in {name!r}")
    return found


def _instant(value: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise AnswerMalformed(f"{name!r} is no instant") from error
    if at.tzinfo is None:
        raise AnswerMalformed(f"{name!r} has no zone")
    return at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def faults(members: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The ``errors`` of a problem document: pairs of a pointer and a sentence; empty where it has none."""
    found = members.get("errors")
    return tuple(
        (str(fault.get("pointer", "")), str(fault.get("detail", "")))
        for fault in (found if isinstance(found, list) else ())
        if isinstance(fault, dict)
    )
