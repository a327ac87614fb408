"""The web application of the pretend operator: routes from the catalogue, one error form, the published document."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Request, Response, Router, delete, get, post, put
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.types import ASGIApp

from adapters.mock.operator.apis.catalogue import operations_of
from adapters.mock.operator.apis.dialects import Dialect
from adapters.mock.operator.apis.errors import CamaraError, ErrorInfo
from adapters.mock.operator.apis.operation import Operation
from adapters.mock.operator.apis.pipeline import Turn, serve
from adapters.mock.operator.authorization.routes import authorization_routes, delivered, entry_of
from adapters.mock.operator.bodies import BODY_BYTES_MAX
from adapters.mock.operator.capture import capture_route
from adapters.mock.operator.control import CONTROLLERS, guard
from adapters.mock.operator.delivery import AnyRequest
from adapters.mock.operator.document import documented_profile, with_bodies
from adapters.mock.operator.edge import CONTROL_PREFIX, Edge
from adapters.mock.operator.gateway.layer import Gateway
from adapters.mock.operator.telco_finder import finder_route
from adapters.mock.operator.world import World

DOCUMENTED_URL = "http://127.0.0.1:9001"
DOCUMENTED_ERRORS = (400, 401, 403, 404, 422, 429)
ROUTER_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    413: "INVALID_ARGUMENT",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


def create_app(world: World) -> Litestar:
    """The application without its edge, which tests of the routes and the document need."""

    def provide_world() -> World:
        return world

    return Litestar(
        route_handlers=[
            *(_api_router(world, spoken) for spoken in world.dialects()),
            *authorization_routes(world),
            capture_route(world),
            *([] if world.profile.telco_finder is None else [finder_route(world, world.profile.telco_finder)]),
            Router(CONTROL_PREFIX, route_handlers=CONTROLLERS, guards=[guard(world.control)]),
        ],
        dependencies={"world": Provide(provide_world, sync_to_thread=False)},
        exception_handlers={
            CamaraError: _camara_error,
            HTTPException: _router_error,
            Exception: _own_fault,
        },
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title=world.profile.issuer_name,
            version="1",
            description="A pretend operator for tests and demonstrations: CAMARA network APIs, their authorization "
            "server, and a control API that moves its subscribers through time.",
        ),
        logging_config=None,
    )


def create_asgi(world: World) -> ASGIApp:
    """What a server runs: the application behind its edge, and behind a gateway where it has habits of its own."""
    app: ASGIApp = create_app(world)
    if world.profile.deviates:
        app = Gateway(app, world)
    return Edge(app, world.journal, echo=world.profile.deviations.correlator != "swallowed")


def openapi_document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of everything that a pretend operator can speak, as plain JSON values."""
    app = create_app(World(documented_profile(), DOCUMENTED_URL, []))
    return with_bodies(msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema())))


def _api_router(world: World, spoken: Dialect) -> Router:
    handlers = [_api_handler(world, spoken, operation) for operation in operations_of(spoken)]
    return Router(spoken.base_path, route_handlers=handlers, tags=[f"{spoken.api} {spoken.version}"])


def _api_handler(world: World, spoken: Dialect, operation: Operation) -> HTTPRouteHandler:
    async def handle(request: AnyRequest) -> Response[Any]:
        entry = entry_of(request)
        answer, fault = await serve(Turn(world, spoken, operation, request, entry))
        return await delivered(world, answer, fault, request, entry)

    async def handle_silently(request: AnyRequest) -> Response[None]:
        return await handle(request)

    return _route(operation)(
        operation.path.replace("}", ":str}"),
        operation_id=f"{operation.name}_{spoken.version.replace('.', '_').replace('-', '_')}",
        summary=operation.summary,
        status_code=operation.status,
        responses={
            operation.status: ResponseSpec(operation.answer_type, description="The answer", generate_examples=False),
            **{code: _documented_error(code) for code in DOCUMENTED_ERRORS},
        },
    )(handle if operation.answer_type is not None else handle_silently)


Handle = Callable[[AnyRequest], Awaitable[Response[Any]]]


def _route(operation: Operation) -> Callable[..., Callable[[Handle], HTTPRouteHandler]]:
    return {"GET": get, "POST": post, "PUT": put, "DELETE": delete}[operation.method]


def _documented_error(code: int) -> ResponseSpec:
    return ResponseSpec(ErrorInfo, description=HTTPStatus(code).phrase, generate_examples=False)


def _camara_error(_: Request[Any, Any, Any], error: CamaraError) -> Response[ErrorInfo]:
    return Response(error.info, status_code=error.info.status, media_type=MediaType.JSON, headers=error.headers)


def _router_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[ErrorInfo]:
    code = ROUTER_CODES.get(error.status_code, "INVALID_ARGUMENT")
    info = ErrorInfo(error.status_code, code, HTTPStatus(error.status_code).phrase)
    return Response(info, status_code=error.status_code, media_type=MediaType.JSON, headers=error.headers)


def _own_fault(_: Request[Any, Any, Any], __: Exception) -> Response[ErrorInfo]:
    info = ErrorInfo(500, "INTERNAL", "The pretend operator itself has failed.")
    return Response(info, status_code=500, media_type=MediaType.JSON)
