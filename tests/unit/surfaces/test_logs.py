import json
import logging
import sys

import pytest

from broker.surfaces.logs import JsonLines, TextLines

CANARY = "+34600000101"


def record(name: str, text: str, *values: object, failing: bool = False) -> logging.LogRecord:
    caught = None
    if failing:
        try:
            int(f"cannot read {CANARY}")
        except ValueError:
            caught = sys.exc_info()
    return logging.LogRecord(name, logging.ERROR, __file__, 1, text, values, caught)


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()], ids=["text", "json"])
def test_neither_an_errors_words_nor_its_trace_are_written(lines: logging.Formatter) -> None:
    line = lines.format(record("uvicorn.error", "Exception in ASGI application\n", failing=True))
    assert CANARY not in line
    assert "ValueError at test_logs.py:" in line
    assert "\n" not in line


@pytest.mark.parametrize("lines", [TextLines(), JsonLines()], ids=["text", "json"])
def test_the_words_of_loggers_that_nobody_vouches_for_are_withheld(lines: logging.Formatter) -> None:
    for name in ("httpx", "aiohttp.client", "brokers", "mcp.server"):
        assert CANARY not in lines.format(record(name, "asked about %s", CANARY))
    assert "closed 3 checks" in lines.format(record("broker.bootstrap", "closed %d checks", 3))


def test_a_value_cannot_pass_as_a_line_of_its_own() -> None:
    line = TextLines().format(record("broker.x", "operator %s", "alba\n2026 INFO broker all is well\x1b[2J"))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_json_line_has_five_members() -> None:
    line = json.loads(JsonLines().format(record("broker.x", "seen %s", "once")))
    assert set(line) == {"at", "level", "logger", "message", "pid"}
    assert (line["level"], line["message"]) == ("ERROR", "seen once")
