"""A Telco Finder beside the operator: who serves a number now, numbers that moved included.

GSMA Open Gateway, routing: ``POST /telco-finder/v1/search``. SHALLOW answers from a list that is a day old, DEEP with
what is so.
"""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from msgspec import Meta

from adapters.mock.operator.apis.errors import CamaraError, ErrorInfo, invalid_argument
from adapters.mock.operator.apis.operation import PhoneNumber
from adapters.mock.operator.apis.shown_tokens import authorize
from adapters.mock.operator.authorization.routes import delivered, entry_of
from adapters.mock.operator.bodies import BadBody, convert, read_object
from adapters.mock.operator.delivery import Answer, AnyRequest
from adapters.mock.operator.profile import FINDER_SCOPE, FinderTerms
from adapters.mock.operator.world import World

FINDER_PATH = "/telco-finder/v1/search"
API = "telco-finder"


class Target(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Whom a search is about. Addresses are CAMARA's other way, and not in this finder."""

    phone_number: PhoneNumber


class SearchRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A search. The two flags ask for more than the id, which this finder does not give."""

    target: Target
    portability_search_mode: Literal["SHALLOW", "DEEP"] = "SHALLOW"
    include_api_root: bool = False
    include_auth_provider_configuration: bool = False


class SearchResult(msgspec.Struct, rename="camel"):
    """Who serves the number."""

    operator_id: Annotated[str, Meta(max_length=100)]


def finder_route(world: World, terms: FinderTerms) -> HTTPRouteHandler:
    """The handler of searches."""

    @post(
        FINDER_PATH,
        operation_id="telcoFinderSearch",
        summary="Which operator serves a number",
        status_code=200,
        tags=["telco-finder"],
        responses={
            200: ResponseSpec(SearchResult, description="The operator", generate_examples=False),
            **{
                code: ResponseSpec(ErrorInfo, description=text, generate_examples=False)
                for code, text in {400: "Malformed", 401: "No token", 403: "No scope", 404: "Nobody has it"}.items()
            },
        },
    )
    async def search(request: AnyRequest) -> Response[Any]:
        entry = entry_of(request)
        number = None
        try:
            await authorize(world, request, frozenset({FINDER_SCOPE}), entry)
            asked = await _read(request)
            number = asked.target.phone_number
            answer = Answer(200, SearchResult(find(terms, number, deep=asked.portability_search_mode == "DEEP")))
        except CamaraError as error:
            answer = Answer(error.info.status, error.info, error.headers)
            entry.code = error.info.code
        return await delivered(world, answer, world.faults.at_api(API, number), request, entry)

    return search


def find(terms: FinderTerms, number: str, *, deep: bool) -> str:
    """The operator's id.

    Raises:
        CamaraError: nobody has the number, or whoever has it takes no part.
    """
    moved = next((one for one in terms.moved if one.number == number), None)
    if moved is not None and (deep or moved.shallow):
        if moved.to is None:
            raise CamaraError(422, "SERVICE_NOT_APPLICABLE", "The network of this number takes no part.")
        return moved.to
    for prefix in sorted(terms.ranges, key=len, reverse=True):
        if number.startswith(prefix):
            return terms.ranges[prefix]
    raise CamaraError(404, "IDENTIFIER_NOT_FOUND", "No operator has this number.")


async def _read(request: AnyRequest) -> SearchRequest:
    try:
        return convert(read_object(await request.body()), SearchRequest, strict=True)
    except BadBody as error:
        raise invalid_argument(str(error)) from error
