import json
import logging
import re
import sys
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from broker.audit.note import NoteInvalid
from broker.surfaces.logs import CORRELATOR, FIELDS, JsonLines, TextLines

CANARY = "+34600000101"


def record(name: str, text: str, *values: object, failing: bool = False) -> logging.LogRecord:
    caught = None
    if failing:
        try:
            int(f"cannot read {CANARY}")
        except ValueError:
            caught = sys.exc_info()
    # As ``Logger`` does: a mapping alone is what the sentence names its fields from.
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


ANYTHING = st.one_of(st.text(min_size=1), st.integers(), st.floats(), st.binary(min_size=1), st.just(CANARY))
OURS = ("broker.x", "uvicorn.error", "adapters.mock", "__main__")
THEIRS = ("httpx", "httpcore.http11", "asyncio", "sqlalchemy.engine", "aiohttp.client", "mcp.server", "py.warnings")


@given(st.text(st.characters(categories=["Ll"]), min_size=1, max_size=20), ANYTHING)
def test_a_field_that_nobody_named_never_appears_whatever_is_in_it(name: str, value: object) -> None:
    assume(name not in FIELDS and name != "fault")
    line = TextLines().format(record("broker.x", f"seen %({name})s", {name: value}))
    assert line.endswith("broker.x seen (withheld)")


@given(st.sampled_from(sorted(FIELDS)), st.one_of(st.text(), st.from_regex(r"\+?[0-9]{7,15}", fullmatch=True)))
def test_a_field_is_written_in_its_shape_alone(name: str, value: str) -> None:
    line = TextLines().format(record("broker.x", f"seen %({name})s", {name: value}))
    told = line.partition("seen ")[2]
    assert told == "(withheld)" or FIELDS[name].fullmatch(told)
    if name != "process":  # a number of the system's own, of which nobody is called
        assert re.search(r"(?<![0-9A-Z])[0-9]{7}", told) is None


@given(st.sampled_from(OURS), st.one_of(st.text(min_size=1), st.integers(min_value=10**6)))
def test_values_without_a_name_are_withheld(name: str, value: object) -> None:
    assert TextLines().format(record(name, "seen %s", value)).endswith("seen (withheld)")


@given(st.sampled_from(THEIRS), st.text(min_size=1), ANYTHING)
def test_loggers_of_others_say_nothing_at_any_level(name: str, words: str, value: object) -> None:
    made = logging.LogRecord(name, logging.DEBUG, __file__, 1, words, (value,), None)
    assert TextLines().format(made).endswith(f"(a message of {name}, withheld)")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("check", "chk_01JD0000000000000000000000.2", "chk_01JD0000000000000000000000.2"),
        ("check", "chk_34600000101", "(withheld)"),
        ("error", "ValueError", "ValueError"),
        ("error", CANARY, "(withheld)"),
        ("operator", "alba", "alba"),
        ("code", "sk_live_34600000101", "(withheld)"),
        ("place", "gather.py:205", "gather.py:205"),
        ("place", f"/home/{CANARY}.py:1", "(withheld)"),
        ("count", 12, "12"),
        ("count", 34600000101, "(withheld)"),
        ("witness", "witness.example/w1", "witness.example/w1"),
        ("fault", ValueError(CANARY), "(withheld)"),
        ("fault", NoteInvalid("not a signed note"), "not a signed note"),
    ],
)
def test_what_a_field_may_say(name: str, value: object, told: str) -> None:
    assert TextLines().format(record("broker.x", f"seen %({name})s", {name: value})).endswith(f"seen {told}")


def test_a_line_that_does_not_fit_its_values_is_withheld_and_not_printed() -> None:
    assert TextLines().format(record("broker.x", "seen %s and %s", CANARY)).endswith("broker.x (withheld)")


def test_a_correlator_that_is_no_uuid_is_the_callers_own_word() -> None:
    for sent, kept in ((str(uuid.UUID(int=7)), True), ("0" * 31 + "7", True), (CANARY[1:], False), ("Alma", False)):
        token = CORRELATOR.set(sent)
        assert ("correlator" in json.loads(JsonLines().format(record("broker.x", "seen")))) is kept
        CORRELATOR.reset(token)


def test_a_value_cannot_pass_as_a_line_of_its_own() -> None:
    line = TextLines().format(record("broker.x", "operator alba\n2026 INFO broker all is well\x1b[2J"))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


def test_a_json_line_has_five_members() -> None:
    line = json.loads(JsonLines().format(record("broker.x", "seen %(code)s", {"code": "ONCE"})))
    assert set(line) == {"at", "level", "logger", "message", "pid"}
    assert (line["level"], line["message"]) == ("ERROR", "seen ONCE")
