"""The official OpenAPI definitions, read from beside the project, as validators of what an operator answered."""

import re
from datetime import datetime
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

formats = FormatChecker(formats=["ipv4", "ipv6"])


@formats.checks("date-time")
def _date_time(value: object) -> bool:
    """RFC 3339 with a zone, and a date that exists; jsonschema itself checks this only with another package."""
    return not isinstance(value, str) or bool(RFC3339.fullmatch(value) and datetime.fromisoformat(value))


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
    changed = {name: _nullable(item) for name, item in node.items() if name != "discriminator"}
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
    if str(status) not in responses:
        return None
    pointer = f"/paths/{path.replace('/', '~1')}/{method.lower()}/responses/{status}"
    if "$ref" in responses[str(status)]:
        pointer = responses[str(status)]["$ref"].removeprefix("#")
    return _validator(document, f"{pointer}/content/application~1json/schema", closed=status == 200)


@cache
def error_validator(api: str, version: str) -> Draft202012Validator:
    """What any error must be."""
    return _validator(definition(api, version), "/components/schemas/ErrorInfo", closed=True)


@cache
def request_validator(api: str, version: str, path: str) -> Draft202012Validator:
    """What a request body must be; the base schema of areas is put into its only concrete one."""
    pointer = f"/paths/{path.replace('/', '~1')}/post/requestBody/content/application~1json/schema"
    document = definition(api, version)
    if "Circle" in document["components"]["schemas"]:
        document = _with_circles(document)
    return _validator(document, pointer, closed=False)


def _with_circles(document: Any) -> Any:
    """`area` refers to `Area` and a discriminator that JSON Schema does not know: say `Circle` where it means it."""
    schemas = document["components"]["schemas"]
    request = schemas["VerifyLocationRequest"]
    properties = request["properties"] | {"area": {"$ref": "#/components/schemas/Circle"}}
    schemas = schemas | {"VerifyLocationRequest": request | {"properties": properties}}
    return document | {"components": document["components"] | {"schemas": schemas}}
