"""Ways for a person to prove more: which of them are open after a decision, until when, and why the others are not."""

from datetime import datetime

import msgspec


class Way(msgspec.Struct, frozen=True):
    """A method that can be started, until an instant: what was known of its channel is too old then."""

    method: str
    expires_at: datetime


class Withheld(msgspec.Struct, frozen=True):
    """A method that the policy has and this person cannot use now, with a code of the published catalogue."""

    method: str
    code: str


class Ways(msgspec.Struct, frozen=True):
    """The methods of a policy for one decision, in the order of preference, and until when a human can be asked."""

    offered: tuple[Way, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    review_until: datetime | None = None

    def until(self, method: str) -> datetime | None:
        """Until when a method can be started; ``None`` where it is not offered."""
        return next((way.expires_at for way in self.offered if way.method == method), None)
