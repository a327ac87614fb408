"""What keeps personal data to itself."""

import secrets

from broker.clock import Clock
from broker.privacy.root_keys import RootKeyFile
from broker.privacy.vault import Vault
from broker.settings.sections import KeySettings
from broker.storage.store import Store
from broker.usecases.open_keys import open_root_keys
from broker.usecases.rotate_keys import RotateKeys


async def open_vault(settings: KeySettings, store: Store, clock: Clock) -> Vault:
    """The vault over the store's wrapped keys."""
    roots = await open_root_keys(_file(settings), store.vault, secrets.token_bytes)
    return Vault(store.vault, roots, clock, secrets.token_bytes, entries_max=settings.vault_entries_max)


async def key_rotation(settings: KeySettings, store: Store, clock: Clock) -> RotateKeys:
    """The rotation of root and tenant keys."""
    file = _file(settings)
    roots = await open_root_keys(file, store.vault, secrets.token_bytes)
    return RotateKeys(store.vault, roots, file, clock, secrets.token_bytes)


def _file(settings: KeySettings) -> RootKeyFile | None:
    return RootKeyFile(settings.directory / "vault.keys", secrets.token_bytes) if settings.vault == "file" else None
