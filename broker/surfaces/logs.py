"""Log lines of a running broker: one line an event, and nothing in it that was not meant to be logged.

An error's words and its trace may hold what a caller or an operator sent, so of an exception only its class and place
are written, whoever logs it. Of other people's loggers only those in :data:`TRUSTED` keep their words.
"""

import json
import logging
import os
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from broker.errors import origin

Style = Literal["text", "json"]

TRUSTED = ("broker", "adapters", "uvicorn.error", "__main__")
"""Loggers whose messages carry no value of a request or an answer."""


CORRELATOR: ContextVar[str | None] = ContextVar("correlator", default=None)
"""The ``x-correlator`` of the request that is being served, so that its lines can be found by it."""


def set_up(style: Style) -> None:
    """Write the log of this process to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("mcp").setLevel(logging.WARNING)


def message(record: logging.LogRecord) -> str:
    """What may be written of a record, on one line."""
    told = record.getMessage() if _trusted(record.name) else f"(a message of {record.name}, withheld)"
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        told = f"{told.strip()}: {type(error).__name__} at {origin(error)}"
    # Defensive: a line break or an escape sequence in a value could pass as a line of its own.
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in told)


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
        if correlator is not None:
            line["correlator"] = correlator
        return json.dumps(line, ensure_ascii=False)


def _at(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _trusted(name: str) -> bool:
    return any(name == trusted or name.startswith(f"{trusted}.") for trusted in TRUSTED)
