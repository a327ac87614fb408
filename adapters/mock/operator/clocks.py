"""Two clocks that can be moved: the network's, by which answers age, and the authorization server's, for tokens.

They are apart because whoever travels in the network's time seldom wants every client's assertion to be out of date.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

SHIFT_LIMIT_S = 100 * 366 * 86_400.0
"""How far either clock may be from the base, seconds: far enough for any story, near enough for ``datetime``."""


def machine_time() -> datetime:
    """The machine's clock, aware, in UTC."""
    return datetime.now(UTC)


class OperatorClocks:
    """Both clocks as offsets from one base that is handed in."""

    def __init__(self, base: Callable[[], datetime] = machine_time) -> None:
        self._base = base
        self._network_s = 0.0
        self._authorization_s = 0.0

    def network_now(self) -> datetime:
        """The instant by which timelines are read."""
        return self._base() + timedelta(seconds=self._network_s)

    def authorization_now(self) -> datetime:
        """The instant by which assertions and tokens are judged."""
        return self._base() + timedelta(seconds=self._authorization_s)

    def advance(self, seconds: float, *, authorization: bool) -> None:
        """Move the network's clock, and with ``authorization`` the other one, forwards or (negative) backwards.

        Raises:
            ValueError: farther than :data:`SHIFT_LIMIT_S` from the base.
        """
        moved = [self._network_s + seconds, self._authorization_s + (seconds if authorization else 0.0)]
        if any(not abs(offset) <= SHIFT_LIMIT_S for offset in moved):
            raise ValueError("the clock would be moved too far")
        self._network_s, self._authorization_s = moved

    def set_network(self, instant: datetime, *, authorization: bool) -> None:
        """Put the network's clock to an instant; with ``authorization`` the other one moves as far.

        Raises:
            ValueError: farther than :data:`SHIFT_LIMIT_S` from the base.
        """
        self.advance((instant - self.network_now()).total_seconds(), authorization=authorization)

    def reset(self) -> None:
        """Both clocks back to the base."""
        self._network_s = self._authorization_s = 0.0
