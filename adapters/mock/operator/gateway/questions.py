"""What comes in: token requests and API requests in this operator's words, made CAMARA's."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from adapters.mock.operator.apis.errors import CamaraError, invalid_argument, permission_denied
from adapters.mock.operator.apis.operation import Operation
from adapters.mock.operator.authorization.errors import OAuthError
from adapters.mock.operator.bodies import BadBody, read_object
from adapters.mock.operator.deviations import TokenDeviations
from adapters.mock.operator.profile import Grant
from adapters.mock.operator.world import World

PLUS = "+"


def token_request(world: World, headers: dict[str, str], query: str, body: bytes) -> bytes:
    """The form as CAMARA has it; ``headers`` are changed in place where the client's secret stands elsewhere.

    Raises:
        OAuthError: what this operator wants to see is not where it wants to see it.
    """
    habits = world.profile.deviations.token
    form = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    if habits.grant_in_query:
        form.pop("grant_type", None)
        form |= {name: value for name, value in parse_qsl(query) if name == "grant_type"}
    _move_secret(habits, headers)
    if form.get("grant_type") == Grant.CLIENT_CREDENTIALS:
        form["scope"] = _scope(world, form)
    return urlencode(form).encode()


def _move_secret(habits: TokenDeviations, headers: dict[str, str]) -> None:
    if habits.proof_in == "authorization":
        return
    headers.pop("authorization", None)
    if habits.basic_header in headers:
        headers["authorization"] = headers.pop(habits.basic_header)


def _scope(world: World, form: dict[str, str]) -> str:
    """One purpose and API scopes, from wherever this operator has them."""
    profile, habits = world.profile, world.profile.deviations.token
    words = profile.deviations.camara_scopes(form.get("scope", ""))
    if habits.scope_form == "ignored":
        words = " ".join(sorted(scope for scope in world.two_legged_scopes))
    if habits.purpose_in == "scope":
        return words
    if "dpv:" in words:
        raise OAuthError("invalid_scope", "a purpose is no scope of this operator")
    return f"dpv:{_purpose(world, form)} {words}"


def _purpose(world: World, form: dict[str, str]) -> str:
    habits = world.profile.deviations.token
    if habits.purpose_in == "nowhere":
        return min(world.profile.purposes)
    before, _, after = habits.purpose_template.partition("{purpose}")
    given = form.pop("purpose", "")
    if not (given.startswith(before) and given.endswith(after) and len(given) > len(before) + len(after)):
        raise OAuthError("invalid_request", "purpose is missing or not written as agreed")
    return given.removeprefix(before).removesuffix(after)


def api_body(world: World, operation: Operation, headers: Mapping[str, str], body: bytes) -> bytes:
    """The body as CAMARA has it. One that cannot be read stays as it is: whoever reads it next will refuse it.

    Raises:
        CamaraError: the subject is not named as this operator wants it.
    """
    deviations = world.profile.deviations
    if operation.body is None or (deviations.phone_plus and deviations.identifier == "by_token"):
        return body
    try:
        members = read_object(body)
    except BadBody:
        return body
    if not deviations.phone_plus:
        _add_plus(members)
        if isinstance(members.get("device"), dict):
            _add_plus(members["device"])
    if deviations.identifier == "always" and operation.identifier is not None:
        _leave_subject_to_token(world, headers, members)
    return msgspec.json.encode(members)


def _add_plus(members: dict[str, Any]) -> None:
    number = members.get("phoneNumber")
    if not isinstance(number, str):
        return
    if number.startswith(PLUS):
        raise invalid_argument("phoneNumber is written without +")
    members["phoneNumber"] = PLUS + number


def _leave_subject_to_token(world: World, headers: Mapping[str, str], members: dict[str, Any]) -> None:
    """The strict operator behind takes the subject from a three-legged token alone; here both must say the same."""
    value = headers.get("authorization", "").partition(" ")[2]
    token = world.access_tokens.find(value, world.clocks.authorization_now())
    if token is None or token.phone_number is None:
        return
    device = members.pop("device", None)
    named = device.get("phoneNumber") if isinstance(device, dict) else members.pop("phoneNumber", None)
    if named is None:
        raise CamaraError(422, "MISSING_IDENTIFIER", "The subject must be named.")
    if named != token.phone_number:
        raise permission_denied("The subject is not the one of the access token.")
