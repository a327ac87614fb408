"""The official OpenAPI definitions, read from beside the project, as validators of what an operator answered."""

import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DEFINITIONS = Path(__file__).resolve().parents[2].parent / "shared" / "camara"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d")
MAILBOX = re.compile(r"[^@\s]+@[^@\s]+")

formats = FormatChecker(formats=["ipv4", "ipv6"])


@formats.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    """RFC 3339 with a zone, and a date that exists; jsonschema itself checks this only with another package."""
    return not isinstance(value, str) or bool(RFC3339.fullmatch(value) and datetime.fromisoformat(value))


@formats.checks("date", raises=ValueError)
def _date(value: object) -> bool:
    return not isinstance(value, str) or bool(FULL_DATE.fullmatch(value) and date.fromisoformat(value))


@formats.checks("email")
def _email(value: object) -> bool:
    return not isinstance(value, str) or bool(MAILBOX.fullmatch(value))


@cache
def definition(api: str, version: str) -> Any:
    """One definition, its OpenAPI 3.0 ``nullable`` put into the words of JSON Schema."""
    text = (DEFINITIONS / api / version / "openapi.yaml").read_text(encoding="utf-8")
    return _nullable(yaml.load(text, Loader=LOADER))


def _nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    changed = {name: _nullable(item) for name, item in node.items()}
    if changed.pop("nullable", False) is True:
        changed["type"] = [changed["type"], "null"]
    return changed


def _validator(document: Any, pointer: str, *, closed: bool) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource("urn:definition", DRAFT202012.create_resource(document))
    schema: dict[str, Any] = {"$ref": f"urn:definition#{pointer}"}
    if closed:
        schema["unevaluatedProperties"] = False
    return Draft202012Validator(schema, registry=registry, format_checker=formats)


@cache
def response_validator(api: str, version: str, path: str, method: str, status: int) -> Draft202012Validator | None:
    """What a response must be; nothing where the definition does not document this status."""
    document = definition(api, version)
    responses = document["paths"][path][method.lower()]["responses"]
    if str(status) not in responses or "content" not in _followed(document, responses[str(status)]):
        return None
    pointer = f"/paths/{path.replace('/', '~1')}/{method.lower()}/responses/{status}"
    if "$ref" in responses[str(status)]:
        pointer = responses[str(status)]["$ref"].removeprefix("#")
    return _validator(document, f"{pointer}/content/application~1json/schema", closed=status == 200)


def _followed(document: Any, node: Any) -> Any:
    for name in node.get("$ref", "").removeprefix("#/").split("/") if "$ref" in node else ():
        document = document[name]
    return document if "$ref" in node else node


@cache
def error_validator(api: str, version: str) -> Draft202012Validator:
    """What any error must be."""
    return _validator(definition(api, version), "/components/schemas/ErrorInfo", closed=True)


@cache
def request_validator(api: str, version: str, path: str) -> Draft202012Validator:
    """What a request body must be; the base schema of areas is put into its only concrete one."""
    pointer = f"/paths/{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema"
    document = definition(api, version)
    if "VerifyLocationRequest" in document["components"]["schemas"]:
        document = _with_circles(document)
    if "GeoReference" in document["components"]["schemas"]:
        document = _with_references(document)
    return _validator(document, pointer, closed=False)


def _with_references(document: Any) -> Any:
    """The same for `geoReference`, whose concrete schemas refer back to the base."""
    schemas = document["components"]["schemas"]
    kinds = [{"type": "object", "required": list(needed), "properties": kind} for needed, kind in _REFERENCES]
    changed = schemas["GeoReference"] | {"oneOf": kinds}
    return document | {"components": document["components"] | {"schemas": schemas | {"GeoReference": changed}}}


_REFERENCES: tuple[Any, ...] = (
    (
        ("latitude", "longitude"),
        {
            "type": {"const": "COVERAGE_ZONE"},
            "latitude": {"type": "number", "minimum": -90, "maximum": 90},
            "longitude": {"type": "number", "minimum": -180, "maximum": 180},
        },
    ),
    (("postalCode",), {"type": {"const": "POSTAL_CODE"}, "postalCode": {"type": "string"}}),
)


def _with_circles(document: Any) -> Any:
    """`area` refers to `Area` and a discriminator that JSON Schema does not know: say `Circle` where it means it."""
    schemas = document["components"]["schemas"]
    request = schemas["VerifyLocationRequest"]
    properties = request["properties"] | {"area": {"$ref": "#/components/schemas/Circle"}}
    schemas = schemas | {"VerifyLocationRequest": request | {"properties": properties}}
    return document | {"components": document["components"] | {"schemas": schemas}}
