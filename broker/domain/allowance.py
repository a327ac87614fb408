"""How much of a quota is left."""

import msgspec


class Allowance(msgspec.Struct, frozen=True):
    """A quota of ``limit`` in ``window_s`` seconds, of which ``left`` are left until it begins anew in ``reset_s``."""

    name: str
    limit: int
    left: int
    window_s: int
    reset_s: int

    def after(self, count: int) -> "Allowance":
        """The same once so many are used."""
        return msgspec.structs.replace(self, left=max(0, self.limit - count))
