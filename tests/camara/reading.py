"""Reading the answer: what is at a path, and whether it is an instant or a written value."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.camara.outcomes import Mismatch, expect
from tests.camara.paths import EVERY, MISSING, get, get_all, parse
from tests.camara.stage import Stage


def body(stage: Stage) -> Any:
    """The body, which is JSON."""
    try:
        return stage.answer().json()
    except ValueError as error:
        raise Mismatch("the answer is no JSON") from error


def at(stage: Stage, path: str) -> Any:
    """What is at a path; the HTTP status of a success is not in the body, but files ask for it there."""
    response = stage.answer()
    if parse(path) == ("status",) and response.is_success:
        told = get(body(stage), ("status",)) if response.content else MISSING
        return response.status_code if told is MISSING else told
    return get(body(stage), parse(path))


def there(stage: Stage, path: str) -> Any:
    """What is at a path, and something must be."""
    value = at(stage, path)
    expect(value is not MISSING, f"{path} is not there")
    return value


def every(stage: Stage, path: str) -> list[Any]:
    """All that is at a path, at least one."""
    values = get_all(body(stage), parse(path)) if EVERY in parse(path) else [there(stage, path)]
    expect(values, f"{path} is not there")
    return values


def same(actual: object, written: str) -> bool:
    """Whether a value is the written one; the files quote numbers and booleans as they like."""
    bare = written.strip().strip('"')
    if isinstance(actual, str):
        return actual == bare
    return actual is not MISSING and json.dumps(actual) == bare


def code(stage: Stage) -> str:
    """The error code, or nothing."""
    try:
        found = stage.answer().json()
    except ValueError:
        return ""
    return str(found.get("code", "")) if isinstance(found, dict) else ""


def instant(value: object) -> datetime:
    """An RFC 3339 instant with its zone."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Mismatch(f"{value!r} is no date-time with a zone")
    return found


def now(stage: Stage) -> datetime:
    """What time it is for the operator."""
    clock = stage.operator.control.http.get("/clock").json()
    return instant(clock["network"])


def age_s(stage: Stage, path: str) -> float:
    """How long ago an instant was, seconds."""
    return (now(stage) - instant(there(stage, path)).astimezone(UTC)).total_seconds()
