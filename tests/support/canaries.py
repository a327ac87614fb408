"""Planted values that must never be seen, and the search for them in every spelling that would still tell them."""

import base64
import logging
from collections.abc import Iterable, Mapping
from typing import Self
from urllib.parse import quote

from broker.surfaces.logs import JsonLines, TextLines

_SHORTEST = 8
"""Bytes. Anything shorter would be found by chance."""


def spellings(value: bytes) -> set[bytes]:
    """A value as it is, in hexadecimal, base64 at each of three offsets, percent-encoded, and escaped in JSON."""
    found = {value, value.hex().encode(), value.hex().upper().encode(), quote(value, safe="").encode()}
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # What stands before and after in the same text only changes the characters at the ends.
            inner = encode(b"\0" * offset + value)
            found.add(inner[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6])
    if not value.isascii():
        found.add(value.decode("utf-8", "replace").encode("unicode_escape"))
    return {one for one in found if len(one) >= _SHORTEST}


class Canaries:
    """Values by name. A number is looked for without its plus, and a text also in capitals and in small letters."""

    def __init__(self, planted: Mapping[str, str | bytes]) -> None:
        self._spelled: dict[str, set[bytes]] = {}
        for name, value in planted.items():
            self.add(name, value)

    def __len__(self) -> int:
        return len(self._spelled)

    def add(self, name: str, value: str | bytes) -> None:
        """Plant another one."""
        raw = value if isinstance(value, bytes) else value.removeprefix("+").encode("utf-8")
        assert len(raw) >= _SHORTEST, f"{name} is too short to be told from chance"
        texts = {raw} if isinstance(value, bytes) else {raw, raw.lower(), raw.upper()}
        self._spelled[name] = {spelled for text in texts for spelled in spellings(text)}

    def hits(self, *places: bytes | str) -> set[str]:
        """The names of those that can be read somewhere."""
        texts = [place.encode("utf-8", "surrogateescape") if isinstance(place, str) else place for place in places]
        return {name for name, forms in self._spelled.items() if any(one in text for text in texts for one in forms)}


class Overheard(logging.Handler):
    """Every record of this process at every level: ``written`` as the broker writes it, ``raw`` as it was meant."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.written: list[str] = []
        self.raw: list[str] = []
        self._ways: Iterable[logging.Formatter] = (TextLines(), JsonLines())
        self._plain = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        self.written += [way.format(record) for way in self._ways]
        self.raw.append(self._plain.format(record))

    def __enter__(self) -> Self:
        root = logging.getLogger()
        self._before, self._propagating = root.level, {}
        root.setLevel(logging.DEBUG)
        root.addHandler(self)
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "httpx", "httpcore", "sqlalchemy"):
            logger = logging.getLogger(name)
            self._propagating[name] = (logger.propagate, logger.level)
            logger.propagate = True
            logger.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._before)
        for name, (propagate, level) in self._propagating.items():
            logger = logging.getLogger(name)
            logger.propagate, logger.level = propagate, level
