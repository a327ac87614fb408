"""What goes out: the strict operator's answers in this operator's words."""

from http import HTTPStatus
from typing import Any

from adapters.mock.operator.deviations import Deviations, ErrorDeviations

Told = tuple[int, Any]
"""A status, and what will be JSON."""
NUMBERS = frozenset({"phoneNumber", "devicePhoneNumber"})


def token_answer(deviations: Deviations, status: int, members: Any) -> Told:
    """A token response (RFC 6749 section 5.1) with this operator's habits; errors stay OAuth's."""
    if status != HTTPStatus.OK or not isinstance(members, dict):
        return status, members
    habits = deviations.token
    members["token_type"] = habits.token_type
    members["scope"] = deviations.own_scopes(members["scope"])
    if habits.expires_in == "text":
        members["expires_in"] = str(members["expires_in"])
    elif habits.expires_in == "unsaid":
        del members["expires_in"]
    if not habits.scope_said:
        del members["scope"]
    return status, members


def api_answer(deviations: Deviations, status: int, members: Any) -> Told:
    """An API's answer: errors in the operator's form, booleans and missing dates as it writes them."""
    if status >= HTTPStatus.BAD_REQUEST:
        return _error(deviations.errors, status, members)
    return status, _rewritten(deviations, members)


def _error(errors: ErrorDeviations, status: int, members: Any) -> Told:
    if not isinstance(members, dict) or "code" not in members:
        return status, members
    code, message = str(members["code"]), members.get("message", "")
    own = errors.codes.get(code, code)
    status = errors.statuses.get(code, status)
    if errors.form == "gateway":
        number = int(own) if own.isascii() and own.isdigit() else own
        return status, {"code": number, "message": message, "description": message}
    if errors.form == "service_exception":
        return status, {"requestError": {"serviceException": {"messageId": own, "text": message}}}
    return status, {"status": status, "code": own, "message": message}


def _rewritten(deviations: Deviations, value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {member: _rewritten(deviations, inner, member) for member, inner in value.items()}
    if isinstance(value, list):
        return [_rewritten(deviations, inner, name) for inner in value]
    if isinstance(value, bool) and deviations.text_booleans:
        return "true" if value else "false"
    if name in NUMBERS and isinstance(value, str) and not deviations.phone_plus:
        return value.removeprefix("+")
    if value is None and deviations.never is not None and name.endswith("Change"):
        return deviations.never
    return value
