"""What agents may read: the meaning of reason codes, and for whoever has the scope, the policies in force."""

import re
from typing import NamedTuple

import mcp_types as types
import msgspec

from broker.consumers import authorize
from broker.domain.check import Principal
from broker.errors import NotFound
from broker.surfaces.mcp import texts
from broker.surfaces.ports import Services
from broker.usecases.policy.reason_codes import reason_codes

REASON_CODES = "trust://reason-codes"
POLICIES = "trust://policies"
_JSON = "application/json"
_YAML = "application/yaml"
_POLICY = re.compile(r"trust://policies/(?P<id>[A-Za-z0-9_.-]{1,64})/(?P<version>[1-9][0-9]{0,8})")


class Document(NamedTuple):
    """A resource as it was read."""

    text: str
    mime_type: str


def listed(principal: Principal) -> list[types.Resource]:
    """The resources that this caller can read."""
    resources = [
        types.Resource(
            uri=REASON_CODES,
            name="reason-codes",
            title="Reason codes",
            description=texts.REASON_CODES,
            mime_type=_JSON,
        )
    ]
    if authorize.POLICY_READ in principal.scopes:
        resources.append(
            types.Resource(uri=POLICIES, name="policies", title="Policies", description=texts.POLICIES, mime_type=_JSON)
        )
    return resources


def templates(principal: Principal) -> list[types.ResourceTemplate]:
    """The kinds of resources that this caller can read by name."""
    if authorize.POLICY_READ not in principal.scopes:
        return []
    return [
        types.ResourceTemplate(
            uri_template=f"{POLICIES}/{{id}}/{{version}}",
            name="policy",
            title="Policy",
            description=texts.POLICY,
            mime_type=_YAML,
        )
    ]


async def read(services: Services, principal: Principal, uri: str) -> Document:
    """One resource.

    Raises:
        NotFound: there is none of this name, or of this tenant.
        NotPermitted: the caller lacks the scope.
    """
    if uri == REASON_CODES:
        return Document(msgspec.json.encode(reason_codes(principal)).decode("utf-8"), _JSON)
    if uri == POLICIES:
        return Document(msgspec.json.encode(await services.govern.overview(principal)).decode("utf-8"), _JSON)
    wanted = _POLICY.fullmatch(uri)
    if wanted is None:
        raise NotFound("no such resource")
    return Document((await services.govern.text(principal, wanted["id"], int(wanted["version"]))).document, _YAML)
