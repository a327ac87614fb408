"""One OpenAPI definition as the runner needs it: operations, schemas by pointer, values that fit and that do not."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path as File
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.camara.outcomes import NotApplicable
from tests.camara.paths import EVERY, Path
from tests.support.mock_operator_schemas import LOADER, _nullable, formats

DEPTH_MAX = 25
METHODS = ("get", "post", "put", "patch", "delete")
NO_MEMBER = "the YAML has no such member"
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

OTHERS: tuple[Any, ...] = ("1999-12-31", "other.person@example.org", "DE", 7, True, False)
"""Candidates for a value that fits a schema and is not the one at hand."""


@dataclass(frozen=True)
class Operation:
    """One operation; ``path`` is relative to the base path, ``scopes`` any one of which is enough."""

    id: str
    method: str
    path: str
    scopes: tuple[str, ...]
    body: Any
    """The schema of its request body, or nothing."""
    answers: dict[str, Any]
    """The schema of the body of each answer by its status; nothing where there is no body."""


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
        answers = {str(status): self._answer(answer) for status, answer in described.get("responses", {}).items()}
        return Operation(described.get("operationId", ""), method.upper(), path, scopes, body, answers)

    def _answer(self, described: Any) -> Any:
        return self.follow(described).get("content", {}).get("application/json", {}).get("schema")

    def mentions(self, code: str) -> bool:
        """Whether a code or a name stands anywhere in the definition, as a value, an example or in a description."""
        return (
            re.search(rf"(?<![A-Z_.]){re.escape(code)}(?![A-Z_.])", json.dumps(self.document, default=str)) is not None
        )

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

    def members(self, schema: Any, seen: frozenset[str] = frozenset()) -> tuple[dict[str, Any], set[str]]:
        """Properties of an object's schema and which are required, those of all its parts included."""
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if reference in seen:
            return {}, set()
        seen = seen | {reference} if reference else seen
        schema = self.follow(schema) or {}
        properties, required = dict(schema.get("properties", {})), set(schema.get("required", ()))
        for part in schema.get("allOf", ()):
            more, needed = self.members(part, seen)
            properties |= more
            required |= needed
        for part in alternatives(schema):
            properties = self.members(part, seen)[0] | properties
        return properties, required

    def inner(self, schema: Any, path: Path) -> Any:
        """The schema of what is at a path in a body, or nothing where the schema says nothing of it."""
        for part in path:
            schema = self.follow(schema)
            if not isinstance(schema, dict):
                return None
            of_array = "items" in schema and (isinstance(part, int) or part == EVERY)
            schema = schema["items"] if of_array else self.members(schema)[0].get(str(part))
            if schema is None:
                return None
        return schema

    def kind_with(self, schema: Any, path: Path) -> tuple[Path, str] | None:
        """The member that tells the kind of an object, and the kind that has the member at this path, if it has any."""
        outer = self.inner(schema, path[:-1]) or {}
        told = self.follow(outer).get("discriminator", {})
        for name, reference in told.get("mapping", {}).items():
            # The kinds refer back to the object, which knows the members of all of them.
            if path[-1] in self.members({"$ref": reference}, frozenset({outer.get("$ref", "")}))[0]:
                return (*path[:-1], told["propertyName"]), name
        return None

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

    def wrong(self, schema: Any, *, kind: bool = False) -> Any:
        """A value that does not fit; with ``kind`` one of another JSON type, where there is a choice."""
        if schema is None:
            raise NotApplicable(NO_MEMBER)
        for candidate in reversed(WRONG) if kind else WRONG:
            if self.errors_by(candidate, schema):
                return candidate
        raise NotApplicable("the YAML allows any value here")

    def another(self, schema: Any, value: Any) -> Any:
        """A value that fits, and is not this one."""
        if schema is None:
            raise NotApplicable(NO_MEMBER)
        fitting = self.follow(schema) or {}
        candidates = [*fitting.get("enum", ()), *OTHERS, f"{value} also", f"x{value}"]
        for candidate in candidates:
            if candidate != value and not self.errors_by(candidate, schema):
                return candidate
        raise NotApplicable("the YAML allows no other value here")

    def beyond(self, schema: Any) -> Any:
        """A value of the right kind beyond the bounds of the schema; one that does not fit, where it has no bounds."""
        bounds = self.follow(schema)
        match bounds:
            case {"maximum": most}:
                return most + 1
            case {"minimum": least}:
                return least - 1
            case {"maxLength": most}:
                return self.stretched(schema, most + 1)
            case {"maxItems": most}:
                return [self.sample(bounds.get("items", {}))] * (most + 1)
        return self.wrong(schema)

    def stretched(self, schema: Any, length: int) -> str:
        """A text that would fit, were it not so long."""
        return str(self.sample(schema)).ljust(length, "x")


def alternatives(schema: Any) -> list[Any]:
    """The schemas of which an object may follow one."""
    mapped = schema.get("discriminator", {}).get("mapping", {})
    return [
        *(part for word in ("oneOf", "anyOf") for part in schema.get(word, ())),
        *({"$ref": reference} for reference in mapped.values() if "/" in reference),
    ]


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


FILES = "x-files"
"""Where in a definition the other files are put that it refers to."""


@cache
def contract(file: File) -> Contract:
    """A definition, with the files that it refers to."""
    files: dict[str, Any] = {}
    document = _loaded(file, file.parent, files)
    return Contract(_nullable(document | {FILES: files}))


def _loaded(file: File, root: File, files: dict[str, Any], inside: str = "") -> Any:
    document = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)
    return _bundled(document, file, root, files, inside)


def _bundled(node: Any, file: File, root: File, files: dict[str, Any], inside: str) -> Any:
    """The node with every reference pointing into the one document."""
    if isinstance(node, list):
        return [_bundled(item, file, root, files, inside) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: _reference(item, file, root, files, inside)
        if name == "$ref" and isinstance(item, str)
        else _bundled(item, file, root, files, inside)
        for name, item in node.items()
    }


def _reference(reference: str, file: File, root: File, files: dict[str, Any], inside: str) -> str:
    place, _, pointer = reference.partition("#")
    if not place:
        return f"#{inside}{pointer}"
    target = (file.parent / place).resolve()
    name = target.name
    # Defensive: a definition from elsewhere cannot make the runner read what lies outside its project.
    if not target.is_relative_to(root.resolve().parent) or not target.is_file():
        return f"#/{FILES}/{name}{pointer}"
    if name not in files:
        files[name] = {}
        files[name].update(_loaded(target, root, files, f"/{FILES}/{name}"))
    return f"#/{FILES}/{name}{pointer}"
