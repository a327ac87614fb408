"""What the client shows to say who asks."""

from collections.abc import Mapping

from broker.client._exchange import Ask, Reply, Work


class ApiKey:
    """A bearer key of the broker."""

    def __init__(self, key: str) -> None:
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("the key is empty or holds something that no key of the broker holds")
        self._headers = {"authorization": f"Bearer {key}"}

    def headers(self, _ask: Ask) -> Work[Mapping[str, str]]:
        """The same header for every request."""
        yield from ()  # as every credential this is a generator, but for a key nobody has to be asked
        return self._headers

    def renews(self, _reply: Reply) -> bool:
        """A key that is refused once is refused again."""
        return False
