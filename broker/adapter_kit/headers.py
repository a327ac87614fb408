"""Header fields that people may name in manifests and operator files, and those that are the kit's own."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

# Defensive: with one of these, a manifest could change where a request goes, how long it is, or whom it is about.
_OURS = frozenset({
    "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "expect", "host",
    "te", "trailer", "transfer-encoding", "upgrade", "x-correlator",
})  # fmt: skip


def _free(name: str) -> str:
    if name in _OURS:
        raise ValueError(f"{name} is the kit's own; name another header")
    return name


def _extra(name: str) -> str:
    if name == "authorization":
        raise ValueError("authorization carries the token; name another header")
    return _free(name)


_Name = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
ProofHeader = Annotated[_Name, AfterValidator(_free)]
"""A header that may carry our own credentials, in small letters."""
ExtraHeader = Annotated[_Name, AfterValidator(_extra)]
"""A header beside ``authorization``, in small letters."""
HeaderValue = Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,254}[!-~])?$")]

Headers = tuple[tuple[bytes, bytes], ...]


def encoded(fields: Mapping[str, str]) -> Headers:
    """Header fields as the transport wants them."""
    return tuple((name.encode("ascii"), value.encode("ascii")) for name, value in fields.items())
