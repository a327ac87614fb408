"""What the command line is handed: the function that builds things, so that nothing here imports upwards."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from broker.surfaces.tls import ServedTls

if TYPE_CHECKING:  # they load half of the broker, and most commands need none of it
    from broker.surfaces.ports import Administration, Services
    from broker.usecases.audit.publish_log import PublishLog
    from broker.usecases.audit.rotate_log import RotateLog
    from broker.usecases.audit.rotate_signing import RotateSigning
    from broker.usecases.consumers.manage_keys import ManageKeys
    from broker.usecases.findings import Finding
    from broker.usecases.learning.learn import Learn
    from broker.usecases.policy.examine_policy import Rulebook
    from broker.usecases.privacy.keep_retention import KeepRetention
    from broker.usecases.privacy.rotate_keys import RotateKeys


class Deployment(Protocol):
    """One configuration folder, read and checked; nothing is opened until asked for."""

    host: str
    port: int
    request_read_s: float
    tls: ServedTls
    log_style: Literal["text", "json"]
    folder: Path
    evidence_table: Path

    async def examine(self, told: Callable[[str], None]) -> "tuple[Finding, ...]":
        """What is wrong with the set-up; nothing is made or migrated. ``told`` hears what is being looked at."""
        ...

    def rulebook(self) -> "Rulebook":
        """What policy documents are judged by here; no database is opened."""
        ...

    def services(self) -> "AbstractAsyncContextManager[Services]":
        """The running broker: database open and at its newest revision, keys there, sweeper at work."""
        ...

    def log_rotation(self) -> "AbstractAsyncContextManager[RotateLog]":
        """The life of the key that signs the log."""
        ...

    def key_ring(self) -> "AbstractAsyncContextManager[ManageKeys]":
        """The administration of keys on this deployment's database."""
        ...

    def consumers(self) -> "AbstractAsyncContextManager[Administration]":
        """The administration of who calls, on this deployment's database."""
        ...

    def key_rotation(self) -> "AbstractAsyncContextManager[RotateKeys]":
        """The rotation of the vault's root and tenant keys."""
        ...

    def signing_keys(self) -> "RotateSigning":
        """The life of the keys that sign receipts; no database is opened."""
        ...

    def log(self) -> "AbstractAsyncContextManager[PublishLog]":
        """The transparency log of this deployment, as it stands."""
        ...

    def retention(self) -> "AbstractAsyncContextManager[KeepRetention]":
        """What is kept for how long, on this deployment's database."""
        ...

    def learner(self) -> "AbstractAsyncContextManager[Learn]":
        """What past checks teach, on this deployment's database."""
        ...


OpenDeployment = Callable[[Path | None], Deployment]
"""Reads a configuration folder (``None``: the usual places). Raises ``Misconfigured``."""
