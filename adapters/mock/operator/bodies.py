"""Reading JSON bodies: strict about what JSON allows but two readers could understand differently."""

import json
from typing import Any, NoReturn, TypeVar

import msgspec

T = TypeVar("T")

BODY_BYTES_MAX = 64 * 1024


class BadBody(Exception):
    """The body is not what it must be; the message says what is wrong, never what was sent."""


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object without repeated members and without NaN.

    Raises:
        BadBody: it is something else.
    """
    try:
        value = json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadBody("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadBody("the body is not an object")
    return value


def convert(value: dict[str, Any], wanted: type[T], *, strict: bool) -> T:
    """The object as a struct; with ``strict``, unknown members at any depth are refused.

    Raises:
        BadBody: a member is missing, wrong or, with ``strict``, unknown.
    """
    try:
        converted = msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise BadBody("a member is missing or does not fit the schema") from error
    if strict and not _covers(converted, value):
        raise BadBody("a member is unknown")
    return converted


def _covers(converted: object, value: object) -> bool:
    """Whether every member of ``value`` found its field, at every depth."""
    if not isinstance(converted, msgspec.Struct) or not isinstance(value, dict):
        return True
    names = {field.encode_name: field.name for field in msgspec.structs.fields(converted)}
    return all(name in names and _covers(getattr(converted, names[name]), member) for name, member in value.items())


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
