"""The little JSON path of the feature files: ``$.device.phoneNumber``, ``maxAge``, ``$[0].id``, ``$.areas[1].name``."""

import re
from typing import Any, Final

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()
"""What is there where nothing is; null is something else."""

Path = tuple[str | int, ...]


def parse(text: str) -> Path:
    """The members and positions that a path names."""
    bare = text.strip().removeprefix("$").lstrip(".")
    return tuple(name or int(position) for name, position in _PART.findall(bare))


def get(document: Any, path: Path) -> Any:
    """What is at a path, or `MISSING`."""
    for part in path:
        known = part in document if isinstance(document, dict) else _in_range(document, part)
        if not known:
            return MISSING
        document = document[part]
    return document


def _in_range(document: Any, part: str | int) -> bool:
    return isinstance(document, list) and isinstance(part, int) and part < len(document)


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
