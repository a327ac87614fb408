"""One OpenAPI definition as the runner needs it: operations, schemas by pointer, values that fit and that do not."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.camara.outcomes import NotApplicable
from tests.support.mock_operator_schemas import LOADER, _nullable, formats

DEPTH_MAX = 25
METHODS = ("get", "post", "put", "patch", "delete")
WRONG: tuple[Any, ...] = (
    "not compliant!",
    -1,
    "",
    1.5,
    10**12,
    True,
    ["not compliant!"],
    {},
    {"not": "compliant"},
    None,
)
"""Candidates for a value that breaks a schema; the first that does is sent."""


@dataclass(frozen=True)
class Operation:
    """One operation; ``path`` is relative to the base path, ``scopes`` any one of which is enough."""

    id: str
    method: str
    path: str
    scopes: tuple[str, ...]
    body: Any
    """The schema of its request body, or nothing."""


class Contract:
    """A definition. Schemas are spoken of by JSON pointer, with or without ``#``, or by their bare name."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._registry: Registry[Any] = Registry().with_resource(
            "urn:definition", DRAFT202012.create_resource(document)
        )
        url = str(document["servers"][0]["url"])
        self.base_path = "/" + url.partition("}/")[2].strip("/")
        self.operations = [
            self._operation(path, method, described)
            for path, item in document["paths"].items()
            for method, described in item.items()
            if method in METHODS
        ]

    def _operation(self, path: str, method: str, described: Any) -> Operation:
        security = described.get("security", self.document.get("security", []))
        scopes = tuple(scope for way in security for names in way.values() for scope in names)
        content = self.follow(described.get("requestBody", {})).get("content", {})
        body = content.get("application/json", {}).get("schema")
        return Operation(described.get("operationId", ""), method.upper(), path, scopes, body)

    def follow(self, schema: Any) -> Any:
        """The schema itself where there is a reference to it."""
        for _ in range(DEPTH_MAX):
            if not isinstance(schema, dict) or "$ref" not in schema:
                return schema
            schema = self.at(schema["$ref"])
        raise NotApplicable("the YAML has references in a circle")

    def at(self, pointer: str) -> Any:
        """What a pointer names."""
        node = self.document
        for part in self._normal(pointer).split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node.get(name)
            if node is None:
                raise NotApplicable(f"the YAML has no {pointer}")
        return node

    def _normal(self, pointer: str) -> str:
        text = pointer.strip().removeprefix("#")
        return text if "/" in text else f"/components/schemas/{text}"

    def has(self, pointer: str) -> bool:
        """Whether a pointer names something."""
        try:
            self.at(pointer)
        except NotApplicable:
            return False
        return True

    def errors(self, value: Any, pointer: str) -> list[str]:
        """How a value breaks the schema at a pointer."""
        self.at(pointer)
        return self.errors_by(value, {"$ref": f"urn:definition#{self._normal(pointer)}"})

    def errors_by(self, value: Any, schema: Any) -> list[str]:
        """How a value breaks a schema of this definition."""
        absolute = _absolute(schema)
        found = Draft202012Validator(absolute, registry=self._registry, format_checker=formats).iter_errors(value)
        return [f"{error.json_path}: {error.message}" for error in found]

    def members(self, schema: Any, depth: int = 0) -> tuple[dict[str, Any], set[str]]:
        """Properties of an object's schema and which are required, those of all its parts included."""
        schema = self.follow(schema) or {}
        properties, required = dict(schema.get("properties", {})), set(schema.get("required", ()))
        if depth < DEPTH_MAX:
            alternatives = [part for word in ("oneOf", "anyOf") for part in schema.get(word, ())]
            for part in schema.get("allOf", ()):
                more, needed = self.members(part, depth + 1)
                properties |= more
                required |= needed
            for part in alternatives:
                properties = self.members(part, depth + 1)[0] | properties
        return properties, required

    def inner(self, schema: Any, path: tuple[str | int, ...]) -> Any:
        """The schema of what is at a path in a body, or nothing where the schema says nothing of it."""
        for part in path:
            schema = self.follow(schema)
            schema = schema.get("items") if isinstance(part, int) else self.members(schema)[0].get(part)
            if schema is None:
                return None
        return schema

    def sample(self, schema: Any, *, full: bool = False, depth: int = 0) -> Any:
        """A value that fits: the example of the YAML where it has one, else the least that is allowed."""
        schema = self.follow(schema)
        if not isinstance(schema, dict) or depth > DEPTH_MAX:
            return None
        for word in ("const", "example", "default"):
            if word in schema and not self.errors_by(schema[word], schema):
                return _text(schema[word])
        if schema.get("enum"):
            return schema["enum"][0]
        properties, required = self.members(schema)
        if properties:
            wanted = properties if full else {name: properties[name] for name in properties if name in required}
            return {name: self.sample(part, full=full, depth=depth + 1) for name, part in wanted.items()}
        parts = [*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())]
        return self.sample(parts[0], full=full, depth=depth + 1) if parts else self._simple(schema, depth)

    def _simple(self, schema: Any, depth: int) -> Any:
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) else kind:
            case "array":
                return [self.sample(schema.get("items", {}), depth=depth + 1)]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
            case "object":
                return {}
            case _:
                return _string(schema)

    def wrong(self, schema: Any) -> Any:
        """A value that does not fit."""
        for candidate in WRONG:
            if self.errors_by(candidate, schema):
                return candidate
        raise NotApplicable("the YAML allows any value here")


_STRINGS = {
    "date-time": "2024-02-20T10:41:38.657Z",
    "date": "2020-02-20",
    "uri": "https://notifications.example.com/sink",
    "email": "someone@example.com",
    "uuid": "b4333c46-49c0-4f62-80d7-f0ef930f1c46",
    "ipv4": "84.125.93.10",
    "ipv6": "2001:db8:85a3:8d3:1319:8a2e:370:7344",
}


def _string(schema: Any) -> str:
    return _STRINGS.get(schema.get("format", ""), "text").ljust(schema.get("minLength", 0), "x")


def _text(value: Any) -> Any:
    """YAML reads dates as dates; in JSON they are texts."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _absolute(node: Any) -> Any:
    if isinstance(node, list):
        return [_absolute(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: re.sub(r"^#", "urn:definition#", item) if name == "$ref" and isinstance(item, str) else _absolute(item)
        for name, item in node.items()
    }


@cache
def contract(folder: Path) -> Contract:
    """The definition in a folder of one API and version."""
    text = (folder / "openapi.yaml").read_text(encoding="utf-8")
    return Contract(_nullable(yaml.load(text, Loader=LOADER)))
