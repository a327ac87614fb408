"""The parts of the published contract that the framework cannot read off the handlers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from inspect import cleandoc
from typing import Any

import msgspec
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)
from litestar.openapi.spec.base import BaseSchemaObject

from broker.surfaces.api import examples
from broker.surfaces.api.problems import MEDIA_TYPE, Problem
from broker.surfaces.wire import CheckIn, OutcomeIn
from broker.usecases.learning.report_outcome import OutcomeView
from broker.usecases.view import CheckView, ExplainedCheckView

KEY, OAUTH = "key", "oauth"
"""The names of the two kinds of credentials."""

_REF = "#/components/schemas/{name}"
_DESCRIPTIONS = {
    400: "Malformed, unknown members, a bad number, purpose, action type or deadline",
    401: "No credential, or a bad one",
    403: "The credential does not allow this",
    404: "Not there, or not yours",
    410: "It was erased; nobody can read it any more",
    409: "It is under way, taken or over already; the detail says which",
    413: "The body is over 64 kB",
    415: "The body is not JSON",
    422: "The idempotency key was used with another body",
    429: "A quota is used up, or this agent asks too much at once; Retry-After says when to come back",
    503: "No durable record could be written, or too much is under way; nothing was decided",
}


def needs(scope: str) -> list[dict[str, list[str]]]:
    """The credentials of an operation: a key or an access token that holds the scope."""
    return [{KEY: [scope]}, {OAUTH: [scope]}]


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """The error answers of an operation, each a problem document (RFC 9457)."""
    return {
        status: ResponseSpec(Problem, description=_DESCRIPTIONS[status], generate_examples=False, media_type=MEDIA_TYPE)
        for status in statuses
    }


def check_response(description: str) -> ResponseSpec:
    """The answer to a check; :class:`AnswerOperation` gives it its two shapes."""
    return ResponseSpec(CheckView, description=description, generate_examples=False)


@dataclass
class AnswerOperation(Operation):
    """An operation that answers with a check: in full for ``trust:explain``, else without the explaining members."""

    def __post_init__(self) -> None:
        answer = self.responses["200"] if self.responses else None
        if isinstance(answer, OpenAPIResponse) and answer.content:
            shapes = [{"$ref": _REF.format(name=kind.__name__)} for kind in (ExplainedCheckView, CheckView)]
            told = answer.content["application/json"]
            told.schema = GivenSchema({"anyOf": shapes})  # type: ignore[assignment]
            told.example = examples.ANSWER


def taking(kind: type[msgspec.Struct], description: str) -> type[Operation]:
    """The kind of an operation whose body is decoded by hand, so that its schema is named by hand too."""

    @dataclass
    class Taking(Operation):
        def __post_init__(self) -> None:
            self.request_body = _body(kind, description)

    return Taking


def taking_form(*required: str) -> type[Operation]:
    """The kind of an operation that takes URL-encoded parameters, these at least."""

    @dataclass
    class TakingForm(Operation):
        def __post_init__(self) -> None:
            text = {"type": "string", "minLength": 1}
            schema = GivenSchema(
                {"type": "object", "properties": dict.fromkeys(required, text), "required": list(required)}
            )
            media = OpenAPIMediaType(schema=schema, example=examples.FORMS.get(required[0]))  # type: ignore[arg-type]
            content = {"application/x-www-form-urlencoded": media}
            self.request_body = RequestBody(content=content, required=True, description="The parameters")

    return TakingForm


def _body(kind: type[msgspec.Struct], description: str) -> RequestBody:
    schema = Reference(ref=_REF.format(name=kind.__name__))
    content = {"application/json": OpenAPIMediaType(schema=schema, example=examples.BODIES.get(kind.__name__))}
    return RequestBody(content=content, required=True, description=description)


@dataclass
class CheckOperation(AnswerOperation):
    """The operation that takes a trust check: its body is decoded by hand, so its schema is named by hand too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.request_body = _body(CheckIn, "The question")
        self.parameters = [
            Parameter(
                name="Idempotency-Key",
                param_in="header",
                description="Same key and body: the same answer again; kept for 24 hours",
                required=False,
                schema=Schema(type=OpenAPIType.STRING, min_length=1, max_length=255),
            )
        ]


_BY_HAND = (CheckIn, ExplainedCheckView, CheckView, OutcomeIn, OutcomeView, Problem)


@dataclass
class Contract(OpenAPI):
    """The published contract, completed when somebody asks for it: most processes end without that.

    ``bodies`` are what is decoded by hand beside what every surface has.
    """

    def __post_init__(self) -> None:
        self.bodies: Sequence[type] = ()
        self._complete = False

    def to_schema(self) -> dict[str, Any]:
        """The contract as plain values."""
        if not self._complete:
            _name_schemas(self, self.bodies)
            _describe(self)
            self._complete = True
        return super().to_schema()


class ContractConfig(OpenAPIConfig):
    """Has the framework fill in a :class:`Contract`."""

    bodies: Sequence[type] = ()

    def to_openapi_schema(self) -> OpenAPI:
        """The beginning of the contract, before the framework has added its routes."""
        begun = super().to_openapi_schema()
        contract = Contract(**{field.name: getattr(begun, field.name) for field in fields(begun)})
        contract.bodies = self.bodies
        return contract


def _name_schemas(document: OpenAPI, bodies: Sequence[type]) -> None:
    """Put the schemas of what is encoded and decoded by hand among the components, under their own names."""
    _, components = msgspec.json.schema_components([*_BY_HAND, *bodies], ref_template=_REF)
    schemas = document.components.schemas
    for name, schema in components.items():
        if "description" in schema:
            schema["description"] = _plain(schema["description"])
        schemas[name] = GivenSchema(schema)  # type: ignore[assignment]


def _describe(document: OpenAPI) -> None:
    """Let descriptions, which are docstrings of handlers, read as Markdown, and say each refusal once."""
    refusals: dict[str, OpenAPIResponse | Reference] = {}
    for path in (document.paths or {}).values():
        for operation in (path.get, path.put, path.post, path.delete):
            if operation is None:
                continue
            if operation.description:
                operation.description = _plain(operation.description)
            answers = operation.responses or {}
            for status, answer in answers.items():
                if isinstance(answer, OpenAPIResponse) and MEDIA_TYPE in (answer.content or {}):
                    name = f"Problem{status}"
                    refusals[name] = answer
                    answers[status] = Reference(ref=f"#/components/responses/{name}")
    document.components.responses = dict(sorted(refusals.items()))


def _plain(docstring: str) -> str:
    """A docstring without the indentation of the source, and code between single ticks."""
    return cleandoc(docstring).replace("``", "`")


@dataclass
class GivenSchema(BaseSchemaObject):
    """A JSON Schema that is already in its final form."""

    given: dict[str, Any]

    def to_schema(self) -> dict[str, Any]:
        """The schema as it was given."""
        return self.given
