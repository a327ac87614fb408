"""CAMARA's error body (Commonalities, ``ErrorInfo``), and the errors every API shares."""

from collections.abc import Mapping

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True):
    """The body of every error: the HTTP status again, a code from a closed list, and a text that nobody may parse."""

    status: int
    code: str
    message: str


class CamaraError(Exception):
    """A request is refused, with the status and code that the version of the API wants."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.info = ErrorInfo(status, code, message)
        self.headers = dict(headers or {})


def invalid_argument(message: str) -> CamaraError:
    """400: the request does not fit the schema."""
    return CamaraError(400, "INVALID_ARGUMENT", message)


def out_of_range(message: str) -> CamaraError:
    """400: well-formed, outside what this operator allows."""
    return CamaraError(400, "OUT_OF_RANGE", message)


def unauthenticated() -> CamaraError:
    """401: no token, or one that is unknown, expired or used up."""
    return CamaraError(
        401,
        "UNAUTHENTICATED",
        "The access token is missing, invalid or expired. A new authentication is required.",
        {"www-authenticate": 'Bearer error="invalid_token"'},
    )


def permission_denied(message: str) -> CamaraError:
    """403: no scope, or no consent."""
    return CamaraError(403, "PERMISSION_DENIED", message)
