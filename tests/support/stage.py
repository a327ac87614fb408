"""The whole stage for stories: the pretend operators and the broker, over real HTTP, sharing keys as in earnest."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from joserfc.jwk import ECKey

from adapters.mock.operator.authorization.clients import Client, register
from adapters.mock.operator.authorization.keys import ClientKeys
from adapters.mock.operator.profile import Profile, load_profile
from broker.bootstrap.privacy import open_vault
from broker.clock import Clock, SystemClock
from broker.privacy.vault import Vault
from broker.storage.records import StoredCheck
from broker.storage.store import Store
from broker.usecases.learning.open_checks import OpenChecks
from tests.support.broker import SECRET, RunningBroker, free_socket, running_broker, share_secrets
from tests.support.mock_operator import JwksBytes, RunningOperator, running_operator

T = TypeVar("T")
MADRID = (40.4168, -3.7038, 5000.0)
LONDON = (51.5074, -0.1278, 5000.0)


class Contract(NamedTuple):
    """A tenant's own contract with an operator of the stage: a client of its own there, with keys of its own."""

    operator: str
    tenants: tuple[str, ...]
    client_id: str
    members: str = ""

    def text(self, name: str, folder: Path, ours: str, url: str) -> str:
        """The operator's file."""
        return "\n".join(
            (
                'adapter = "mock"',
                f"tenants = {list(self.tenants)}",
                f'in_place_of = "{self.operator}"',
                f'base_url = "{url}"',
                f'client_id = "{self.client_id}"',
                f'client_key = {{ file = "{folder}/keys/{name}.pem" }}',
                f'redirect_uri = "{ours}/v1/step-up/callback"',
                self.members,
            )
        )


class Stage(NamedTuple):
    """Everybody on it; the operator of the ``sandbox`` where it was asked for."""

    broker: RunningBroker
    alba: RunningOperator
    borealis: RunningOperator
    cadenza: RunningOperator
    sandbox: RunningOperator | None = None

    def operator_calls(self) -> int:
        """Requests to the network APIs and token endpoints of all operators so far."""
        return sum(len(operator.control.requests()) for operator in (self.alba, self.borealis, self.cadenza))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the broker's database says, read by another connection."""
        path = self.broker.folder / "broker.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def kept(self, check_id: str, tenant: str = "acme") -> StoredCheck:
        """A check as it lies in the vault, opened with the keys that are beside the broker's database."""

        found = self.in_vault(
            lambda vault, store: OpenChecks(store, store.policies, vault).find_check(tenant, check_id)
        )
        assert found is not None
        return found

    def in_vault(self, work: Callable[[Vault, Store], Awaitable[T]]) -> T:
        """Something done with the keys that are beside the broker's database, as another node would."""

        async def done() -> T:
            deployment = self.broker.deployment
            async with deployment._store() as store:
                return await work(await open_vault(deployment._settings.keys, store, deployment._clock), store)

        with ThreadPoolExecutor(1) as pool:  # the caller may have a loop of its own
            return pool.submit(lambda: asyncio.run(done())).result()


def _profiles(others: Mapping[str, Profile], *, sandbox: bool) -> dict[str, Profile]:
    shipped = {name: load_profile(name) for name in ("alba", "borealis", "cadenza")}
    if sandbox:
        shipped["sandbox"] = load_profile("alba")
    taken = {name: other.model_copy(update={"numbers": shipped[name].numbers}) for name, other in others.items()}
    return shipped | taken


def one_key(folder: Path, name: str) -> ClientKeys:
    """The new key of a contract, in its file for the broker, and the public half for an operator: that and no other."""
    key = ECKey.generate_key("P-256")
    file = folder / "keys" / f"{name}.pem"
    file.touch(mode=0o600)
    file.write_bytes(key.as_pem(private=True))
    public = key.as_dict(private=False) | {"kid": key.thumbprint(), "use": "sig", "alg": "ES256"}
    return ClientKeys(JwksBytes([ECKey.import_key(public)]))


def _own(
    operator: str, profile: Profile, back: Mapping[str, Any], contracts: Mapping[str, Contract], folder: Path
) -> Iterator[Client]:
    """The clients of the contracts with one operator."""
    for name, one in contracts.items():
        if one.operator == operator:
            terms = profile.clients[0].model_copy(update={**back, "id": one.client_id})
            yield Client(terms, one_key(folder, name))


@contextmanager
def set_stage(
    folder: Path,
    *,
    clock: Clock | None = None,
    changes: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    profiles: Mapping[str, Profile] | None = None,
    around: Callable[[Any], Any] | None = None,
    edits: Mapping[str, Mapping[str, str]] | None = None,
    sandbox: bool = False,
    contracts: Mapping[str, Contract] | None = None,
) -> Iterator[Stage]:
    """Start all of them; the operators trust the broker's published keys and the shared secrets.

    ``files`` are put into the broker's ``config/routing``. ``profiles`` puts others in the place of those that an
    operator's name stands for; they get its numbers. ``around`` puts something before the broker's application.
    ``edits`` replace texts in files of the broker's configuration, by their paths in it. ``contracts`` are files for
    ``config/operators``, by their names.
    """
    clock = clock or SystemClock()
    bound = free_socket()
    ours = f"http://127.0.0.1:{bound.getsockname()[1]}"
    keys = f"{ours}/.well-known/client-jwks.json"
    own = contracts or {}
    back = {"redirect_uris": (f"{ours}/v1/step-up/callback",)}
    share_secrets(folder)
    with ExitStack() as stack:
        operators = {
            name: stack.enter_context(
                running_operator(
                    profile,
                    clients=[
                        register(profile.clients[0].model_copy(update=back), jwks=keys, secret=SECRET),
                        *_own(name, profile, back, own, folder),
                    ],
                    api_key=SECRET,
                    now=clock.now,
                )
            )
            for name, profile in _profiles(profiles or {}, sandbox=sandbox).items()
        }
        urls = {name: operator.url for name, operator in operators.items()}
        placed = dict(files or {})
        for name, one in own.items():
            placed[f"../operators/{name}.toml"] = one.text(name, folder, ours, urls[one.operator])
        broker = stack.enter_context(
            running_broker(
                folder,
                urls,
                clock=clock,
                changes=changes,
                at=bound,
                files=placed,
                around=around,
                edits=edits,
            )
        )
        try:
            yield Stage(broker, **operators)
        finally:
            for operator in operators.values():
                operator.end()
