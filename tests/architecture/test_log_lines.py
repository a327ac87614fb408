"""What the broker logs is a constant sentence with fields of the allow-list, each by its name."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.surfaces.logs import FIELDS

BROKER = Path(__file__).parents[2] / "broker"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
ELSEWHERE = "client"
"""The client library runs in other people's processes, with logging of their own."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(BROKER.rglob("*.py")):
        name = path.relative_to(BROKER)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if name.parts[0] != ELSEWHERE and isinstance(node, ast.Call) and _logs(node.func):
                yield f"{name}:{node.lineno}", node


def _logs(called: ast.expr) -> bool:
    if not isinstance(called, ast.Attribute) or called.attr not in LEVELS:
        return False
    return ast.unparse(called.value) in {"_log", "log", "logger"} or "getLogger" in ast.unparse(called.value)


def fault(call: ast.Call) -> str | None:
    sentence, *values = call.args
    if not isinstance(sentence, ast.Constant):
        return "the sentence is no constant"
    if any(keyword.arg != "exc_info" for keyword in call.keywords) or len(values) > 1:
        return "values go into one mapping of fields"
    if values and isinstance(values[0], ast.Dict):
        names = {key.value if isinstance(key, ast.Constant) else None for key in values[0].keys}
        unknown = names - FIELDS.keys() - {"fault"}
        return f"not in FIELDS: {unknown}" if unknown else None
    return "values go into one mapping of fields" if values else None


def test_lines_are_sentences_with_named_fields() -> None:
    found = list(calls())
    assert len(found) > 30
    assert {where: wrong for where, call in found if (wrong := fault(call))} == {}


@pytest.mark.parametrize(
    "line",
    [
        '_log.info(f"asked about {number}")',
        '_log.info("asked about %s", number)',
        '_log.info("asked about %(number)s", {"number": number})',
        '_log.info("asked", extra={"number": number})',
        '_log.info("asked %s of %s", {"code": 1}, number)',
    ],
)
def test_a_line_that_could_tell_more_is_found(line: str) -> None:
    (statement,) = ast.parse(line).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert _logs(statement.value.func)
    assert fault(statement.value) is not None
