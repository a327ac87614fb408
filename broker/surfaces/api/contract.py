"""The parts of the published contract that the framework cannot read off the handlers."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody
from litestar.openapi.spec.base import BaseSchemaObject

from broker.surfaces.api.problems import Problem
from broker.surfaces.wire import CheckIn

_DESCRIPTIONS = {
    400: "Malformed, unknown members, a bad number, purpose, action type or deadline",
    401: "No credential, or a bad one",
    403: "The credential does not allow this",
    404: "Not there, or not yours",
    409: "A request with this idempotency key is still running",
    413: "The body is over 64 kB",
    415: "The body is not JSON",
    422: "The idempotency key was used with another body",
    503: "No durable record could be written, or too much is under way; nothing was decided",
}


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The error answers of an operation, each a problem document (RFC 9457)."""
    return {
        status: ResponseSpec(Problem, description=_DESCRIPTIONS[status], generate_examples=False) for status in statuses
    }


@dataclass
class CheckOperation(Operation):
    """The operation that takes a trust check: its body is decoded by hand, so its schema is named by hand too."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            content={"application/json": OpenAPIMediaType(schema=Reference(ref="#/components/schemas/CheckIn"))},
            required=True,
            description="The question",
        )


def name_request_schemas(app: Litestar) -> None:
    """Put the schemas of the request bodies among the components of the contract, under their own names."""
    _, components = msgspec.json.schema_components([CheckIn], ref_template="#/components/schemas/{name}")
    schemas = app.openapi_schema.components.schemas
    for name, schema in components.items():
        schemas[name] = GivenSchema(given=schema)  # type: ignore[assignment]


@dataclass
class GivenSchema(BaseSchemaObject):
    """A JSON Schema that is already in its final form."""

    given: dict[str, Any]

    def to_schema(self) -> dict[str, Any]:
        """The schema as it was given."""
        return self.given
