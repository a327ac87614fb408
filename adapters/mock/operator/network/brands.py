"""The names that enterprises registered to be shown when they call."""

import uuid
from typing import Any

import msgspec

PER_CLIENT_MAX = 1000


class Brand(msgspec.Struct, frozen=True):
    """One registration: whose it is, and what it says, member by member as it was given."""

    id: str
    client_id: str
    told: dict[str, Any]


class Brands:
    """Every registration, by its id."""

    def __init__(self) -> None:
        self._kept: dict[str, Brand] = {}

    def add(self, client_id: str, told: dict[str, Any]) -> Brand:
        """Keep a new one.

        Raises:
            ValueError: this client has :data:`PER_CLIENT_MAX` already.
        """
        if len(self.of(client_id)) >= PER_CLIENT_MAX:
            raise ValueError("too many registrations")
        brand = Brand(str(uuid.uuid4()), client_id, told)
        self._kept[brand.id] = brand
        return brand

    def of(self, client_id: str) -> list[Brand]:
        """A client's own, oldest first."""
        return [brand for brand in self._kept.values() if brand.client_id == client_id]

    def replace(self, brand: Brand, told: dict[str, Any]) -> Brand:
        """The same registration with other content."""
        self._kept[brand.id] = changed = msgspec.structs.replace(brand, told=told)
        return changed

    def drop(self, brand: Brand) -> None:
        """Forget it."""
        self._kept.pop(brand.id, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
