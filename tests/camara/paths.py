"""The little JSON path of the feature files.

``$.device.phoneNumber``, ``maxAge``, ``$[0].id``, ``$['areas'][1].name``, ``$.statusInfo[*].purpose``.
"""

import re
from typing import Any, Final

EVERY: Final = "*"
"""The part that stands for every item of an array, or member of an object."""
_PART = re.compile(r"\[\s*['\"]([^'\"\]]+)['\"]\s*\]|\[(\d+)\]|\[(\*)?\]|([^.\[\]]+)")


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()
"""What is there where nothing is; null is something else."""

Path = tuple[str | int, ...]


def parse(text: str) -> Path:
    """The members and positions that a path names."""
    bare = text.strip().strip("`").removeprefix("$").lstrip(".")
    parts = [(quoted or plain, position, every) for quoted, position, every, plain in _PART.findall(bare)]
    return tuple(name or (int(position) if position else EVERY) for name, position, _ in parts)


def get(document: Any, path: Path) -> Any:
    """What is at a path, or `MISSING`; where the path says "every", the first that is there."""
    return next(iter(get_all(document, path)), MISSING)


def get_all(document: Any, path: Path) -> list[Any]:
    """What is at a path: one value or none, and any number where it says "every"."""
    found = [document]
    for part in path:
        found = [inner for outer in found for inner in _inner(outer, part)]
    return found


def _inner(document: Any, part: str | int) -> list[Any]:
    if isinstance(document, dict):
        if part == EVERY and EVERY not in document:
            return list(document.values())
        return [document[part]] if part in document else []
    if not isinstance(document, list):
        return []
    if part == EVERY:
        return document
    return [document[part]] if isinstance(part, int) and part < len(document) else []


def put(document: Any, path: Path, value: Any) -> Any:
    """The document with this value at a path (objects on the way are made), or without it where it is `MISSING`."""
    if not path:
        return value
    part, rest = path[0], path[1:]
    if isinstance(part, int):
        items = list(document) if isinstance(document, list) else []
        items.extend({} for _ in range(len(items), min(part, 99) + 1))
        items[part] = put(items[part], rest, value)
        return items
    members = dict(document) if isinstance(document, dict) else {}
    if value is MISSING and part not in members:
        return members
    inner = put(members.get(part, {}), rest, value)
    if inner is MISSING:
        members.pop(part, None)
    else:
        members[part] = inner
    return members
