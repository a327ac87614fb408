"""The credential of a request, the same for every surface."""

from collections.abc import Iterable

from broker.errors import NotAuthenticated


def authorization(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The one ``Authorization`` header; ``None`` where there is none.

    Raises:
        NotAuthenticated: there are several. Defensive: a proxy may have judged the first and we the last.
    """
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) > 1:
        raise NotAuthenticated("send one Authorization header")
    return found[0].decode("latin-1") if found else None
