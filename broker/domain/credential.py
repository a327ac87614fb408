"""What a request brings to say who is calling, before anybody has believed it."""

import msgspec


class Presented(msgspec.Struct, frozen=True):
    """The headers of a request that name its caller, and the request that a proof of possession must be about.

    ``path`` is the request's own, without host and query. ``proofs`` are the ``DPoP`` headers: one at most is right.
    ``certificate`` is the one of the TLS connection, in DER, its chain verified.
    """

    authorization: str | None
    proofs: tuple[str, ...] = ()
    method: str = "POST"
    path: str = "/"
    certificate: bytes | None = None

    def __repr__(self) -> str:
        return f"Presented({self.method} {self.path})"
