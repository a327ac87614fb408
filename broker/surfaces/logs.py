"""Log lines of a running broker: one line an event, and nothing in it that was not meant to be logged.

A line is a sentence of ours with named fields in it. Only the fields in :data:`FIELDS` are written, each only in its
shape: anything else is withheld, and no digest is written instead, for that of a phone number is the phone number. An
error's words and its trace may hold what a caller or an operator sent, so of an exception only its class and place are
written, whoever logs it. Of other people's loggers only those in :data:`TRUSTED` keep their sentences, and of the
values in them numbers alone.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from broker.errors import origin

Style = Literal["text", "json"]

TRUSTED = ("broker", "adapters", "uvicorn.error", "__main__")
"""Loggers whose sentences are written, for they are constants."""
WITHHELD = "(withheld)"

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_ID = re.compile(r"[a-z]{2,4}_[0-9A-HJKMNP-TV-Z]{26}(\.[0-9]{1,3})?")
_PLACE = re.compile(r"[a-z_][a-z0-9_]{0,63}\.pyx?:[0-9]{1,5}|unknown")
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}")
_NAMED = re.compile(r"[A-Za-z0-9.-]{1,200}(/[A-Za-z0-9._-]{1,64}){0,3}")
FIELDS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(
        ("error", "code", "operator", "signal", "api", "tenant", "handler", "method", "function", "job", "scheme"),
        _WORD,
    ),
    **dict.fromkeys(("check", "challenge", "event", "watch"), _ID),
    **dict.fromkeys(("count", "line", "exit"), _NUMBER),
    "host": re.compile(r"[A-Za-z0-9.:-]{1,64}"),
    "port": re.compile(r"[0-9]{1,5}"),
    "process": re.compile(r"[0-9]{1,7}"),
    "place": _PLACE,
    "version": _VERSION,
    "witness": _NAMED,
}
"""Every field that a line may have, and what it may look like. ``fault`` is another: an error whose class says that its
words are ours, by a member ``loggable``."""
_DIGITS = re.compile(r"[0-9]{7}")
"""So many in a row may be a phone number."""
_CORRELATOR = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE)
"""A UUID or a trace id. Any other is the caller's own word, and may be anything."""


CORRELATOR: ContextVar[str | None] = ContextVar("correlator", default=None)
"""The ``x-correlator`` of the request that is being served, so that its lines can be found by it."""


def set_up(style: Style, level: int = logging.INFO) -> None:
    """Write the log of this process to standard error, and with it what nobody catches or logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    # Defensive: a record that cannot be written would be printed with its values.
    logging.raiseExceptions = False
    sys.excepthook = _uncaught
    logging.getLogger("mcp").setLevel(logging.WARNING)


def message(record: logging.LogRecord) -> str:
    """What may be written of a record, on one line."""
    told = _told(record) if _trusted(record.name) else f"(a message of {record.name}, withheld)"
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        told = f"{told.strip()}: {type(error).__name__} at {origin(error)}"
    # Defensive: a line break or an escape sequence in a value could pass as a line of its own.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in told)


def _told(record: logging.LogRecord) -> str:
    """The sentence with its fields. What ``%`` makes of them is never trusted: each is a text by then."""
    values = record.args
    try:
        if isinstance(values, Mapping):
            template = re.sub(r"(%\([a-z_]+\))[a-z]", r"\1s", str(record.msg))
            return template % {name: _field(name, value) for name, value in values.items()}
        template = re.sub(r"%[-0-9.]*[a-z]", "%s", str(record.msg))
        return template % tuple(_number(value) for value in values) if values else template
    except (TypeError, ValueError, KeyError):
        return WITHHELD


def _field(name: str, value: object) -> str:
    if name == "fault":
        return str(value) if isinstance(value, Exception) and getattr(value, "loggable", False) else WITHHELD
    shape, text = FIELDS.get(name), str(value)
    if shape is None or shape.fullmatch(text) is None:
        return WITHHELD
    return text if shape is _ID or name == "process" or _DIGITS.search(text) is None else WITHHELD


def _number(value: object) -> str:
    """A value without a name: a number may be written, if it is none that one could call."""
    plain = isinstance(value, int | float) and _NUMBER.fullmatch(f"{value:.0f}") is not None
    return str(value) if plain else WITHHELD


def _uncaught(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> Any:
    """The end of a process: its class and place, as of every error."""
    logging.getLogger("broker").critical(
        "the process ends: %(error)s at %(place)s", {"error": kind.__name__, "place": origin(error)}
    )


class TextLines(logging.Formatter):
    """Instant, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return f"{_at(record)} {record.levelname} {record.name} {message(record)}"


class JsonLines(logging.Formatter):
    """The same as one JSON object a line, with the process that wrote it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "at": _at(record),
            "level": record.levelname,
            "logger": record.name,
            "message": message(record),
            "pid": os.getpid(),
        }
        correlator = CORRELATOR.get()
        if correlator is not None and _CORRELATOR.fullmatch(correlator):
            line["correlator"] = correlator
        return json.dumps(line, ensure_ascii=False)


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _trusted(name: str) -> bool:
    return any(name == trusted or name.startswith(f"{trusted}.") for trusted in TRUSTED)
