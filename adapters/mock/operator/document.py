"""The published contract of the pretend operator: every API at every version it speaks, from the application itself.

Bodies of the network APIs are read inside their handlers, so that 401 and 403 come before 400; the document gets their
schemas from the same structs. Run as a module, this writes the document as YAML to standard output.
"""

import sys
from typing import Any

import msgspec
import yaml

from adapters.mock.operator.apis.catalogue import CATALOGUE, operations_of
from adapters.mock.operator.apis.dialects import DIALECTS
from adapters.mock.operator.authorization.authorize import CELLULAR_HEADER
from adapters.mock.operator.deviations import TOKEN_PATH
from adapters.mock.operator.profile import FINDER_SCOPE, Legs, OfferedApi, Profile, load_profile, shipped_profiles
from adapters.mock.operator.telco_finder import FINDER_PATH, SearchRequest
from adapters.mock.operator.world import AUTHORIZE_PATH, BACKCHANNEL_PATH

REFERENCE = "#/components/schemas/{name}"
_PROOF_FIELDS = ("client_id", "client_secret", "client_assertion_type", "client_assertion")
_TOKEN_FIELDS = (
    *("grant_type", "scope", *_PROOF_FIELDS, "assertion"),
    *("code", "redirect_uri", "code_verifier", "auth_req_id"),
)
_BACKCHANNEL_FIELDS = ("scope", "login_hint", "request", *_PROOF_FIELDS)
_AUTHORIZE_REQUIRED = ("response_type", "client_id", "redirect_uri", "scope")
_AUTHORIZE_FIELDS = (
    *(*_AUTHORIZE_REQUIRED, "state", "nonce", "prompt"),
    *("code_challenge", "code_challenge_method", "request", CELLULAR_HEADER),
)


def documented_profile() -> Profile:
    """A profile that offers every base path once: at the version of a shipped profile where one has it."""
    shipped = [load_profile(name) for name in shipped_profiles()]
    spoken = {(api.name, api.version) for profile in shipped for api in profile.apis}
    ordered = sorted(DIALECTS, key=lambda known: (known.api, known.version) in spoken)
    by_path = {known.base_path: known for known in ordered}
    offered = tuple(
        OfferedApi(name=known.api, version=known.version, legs=frozenset(Legs))
        for known in DIALECTS
        if by_path[known.base_path] is known
    )
    return shipped[0].model_copy(update={"name": "every", "issuer_name": "Pretend operator", "apis": offered})


def with_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the request bodies that the handlers read themselves, and the correlator that all accept."""
    structs = {operation.body for operations in CATALOGUE.values() for operation in operations if operation.body}
    structs |= {SearchRequest}
    _, schemas = msgspec.json.schema_components(sorted(structs, key=lambda body: body.__name__), ref_template=REFERENCE)
    document["components"]["schemas"].update(schemas)
    for known in DIALECTS:
        for operation in operations_of(known):
            described = document["paths"].get(known.base_path + operation.path, {}).get(operation.method.lower())
            if described is not None:
                described["security"] = [{"accessToken": [scope]} for scope in sorted(operation.scopes)]
                in_path = [one for one in described.get("parameters", []) if one["in"] == "path"]
                described["parameters"] = [*in_path, _correlator()]
                if operation.body is not None:
                    described["requestBody"] = _body(operation.body)
    document["components"]["securitySchemes"] = {
        "accessToken": {"type": "openIdConnect", "openIdConnectUrl": "/.well-known/openid-configuration"},
        "controlKey": {"type": "http", "scheme": "bearer"},
    }
    for path, operations in document["paths"].items():
        if path.startswith("/control"):
            for described in operations.values():
                described["security"] = [{"controlKey": []}]
    finder = document["paths"][FINDER_PATH]["post"]
    finder["security"], finder["parameters"] = [{"accessToken": [FINDER_SCOPE]}], [_correlator()]
    finder["requestBody"] = _body(SearchRequest)
    document["paths"][TOKEN_PATH]["post"]["requestBody"] = _form(*_TOKEN_FIELDS, required="grant_type")
    document["paths"][BACKCHANNEL_PATH]["post"]["requestBody"] = _form(*_BACKCHANNEL_FIELDS)
    document["paths"][AUTHORIZE_PATH]["get"]["parameters"] = [_parameter(name) for name in _AUTHORIZE_FIELDS]
    return document


def _body(struct: type[msgspec.Struct]) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(name=struct.__name__)}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _correlator() -> dict[str, Any]:
    schema = {"type": "string", "maxLength": 256}
    return {"name": "x-correlator", "in": "header", "required": False, "schema": schema}


def _parameter(name: str) -> dict[str, Any]:
    place = "header" if name == CELLULAR_HEADER else "query"
    return {"name": name, "in": place, "required": name in _AUTHORIZE_REQUIRED, "schema": {"type": "string"}}


def _form(*fields: str, required: str | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": {field: {"type": "string"} for field in fields}}
    if required is not None:
        schema["required"] = [required]
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def to_yaml(document: dict[str, Any]) -> str:
    """The document as it is committed: block style, order kept."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    from adapters.mock.operator.app import openapi_document

    sys.stdout.write(to_yaml(openapi_document()))
